/// A config as a whole: which strategy runs on which model, and mistakes that no entry shows alone.
#pragma once

#include <string>

#include "core/plugin/registry.hpp"
#include "experiments/config.hpp"
#include "experiments/config_document.hpp"

namespace trellis::experiments {

/// Whether the strategy runs on the model, on a task that the model serves: neither leaves the
/// other or the task out, and the one can work on the other.
bool runs_on(const StrategySpec& strategy, const ModelSpec& model, const std::string& task,
             const plugin::Registry& registry);

/// Notes what is wrong with entries that have been read: too many trials or none, names of
/// strategies that are not there, strategies and models that cannot work on any of the others.
void check_together(const Config& config, const plugin::Registry& registry, Problems& problems);

}  // namespace trellis::experiments
