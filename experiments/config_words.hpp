/// The [[words]] of a config: groups of words whose shares are measured.
#pragma once

#include <vector>

#include "core/metrics/word_groups.hpp"
#include "experiments/config_document.hpp"
#include "experiments/config_values.hpp"

namespace trellis::experiments {

/// Adds the group that a table describes to those before it, or notes what is wrong with it.
void read_words(const toml::table& table, ValueReader& values, Problems& problems,
                std::vector<metrics::WordGroup>& groups);

}  // namespace trellis::experiments
