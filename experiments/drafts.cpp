#include "experiments/drafts.hpp"

#include "core/decode/draft.hpp"
#include "experiments/model_at_path.hpp"

namespace trellis::experiments {

plugin::Model& Drafts::get(const DraftJob& job, const plugin::Model& model) {
  auto found = loaded_.find(job.path);
  if (found == loaded_.end()) {
    const auto id = job.plugin.empty() ? plugin_of_model(registry_, job.path) : job.plugin;
    found = loaded_.emplace(job.path, plugin::Model::load(registry_, id, job.path)).first;
  }
  decode::require_same_vocabulary(model, found->second);
  return found->second;
}

}  // namespace trellis::experiments
