/// What a stored sample's strategy kept, cut and drew, and how its search went, computed again from
/// the trial's settings.
#pragma once

#include <nlohmann/json.hpp>

#include "core/plugin/model.hpp"
#include "core/plugin/registry.hpp"
#include "storage/queries.hpp"

namespace trellis::experiments {

/// {"noise": whether the noise is what the sample was drawn by, "tokens": [{"kept": how many,
/// "mass": their share, "alternatives": [{"text", "probability", "after", "noise"}]}]}, a token of
/// the output each; `after` is 0 for what was cut. Noise is only claimed where it leads to the very
/// tokens that are stored. {"problem": one line} where it cannot be computed again.
nlohmann::json explain_choices(plugin::Registry& registry, plugin::Model& model,
                               const storage::TrialRow& trial, const storage::SampleRecord& sample,
                               std::size_t top_alternatives);

/// How the stored sample's search came to it: {"nodes": [{"parent": place in this list or null,
/// "text", "probability", "score", "fate": "passed", "dropped", "finished" or "output"}]}. Null for
/// strategies that keep one hypothesis. {"problem": one line} where it cannot be computed again.
nlohmann::json explain_search(plugin::Registry& registry, plugin::Model& model,
                              const storage::TrialRow& trial, const storage::SampleRecord& sample);

}  // namespace trellis::experiments
