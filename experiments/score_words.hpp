/// Shares of groups of words in outputs, beside those in references and training data.
#pragma once

#include <vector>

#include "core/metrics/word_groups.hpp"
#include "experiments/protocol.hpp"
#include "storage/queries.hpp"
#include "storage/store.hpp"

namespace trellis::experiments {

/// Adds the shares of `groups` (core/metrics/word_groups.hpp) to all stored samples of an
/// experiment and to its trials; scored before, they are scored anew. `facts`: of the experiment's
/// tasks, in order, with the counts of their training data. Nothing is done without groups.
void score_words(storage::Reader& reader, storage::Store& store, std::int64_t experiment,
                 const std::vector<metrics::WordGroup>& groups,
                 const std::vector<TaskFacts>& facts);

}  // namespace trellis::experiments
