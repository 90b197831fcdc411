#include "experiments/make_arm.hpp"

namespace trellis::experiments {

decode::Arm make_arm(plugin::Registry& registry, const plugin::Model& model,
                     const PluginJob& strategy, std::span<const PluginJob> processors) {
  decode::Arm arm{plugin::Strategy::create(registry, strategy.plugin, strategy.settings), {}};
  plugin::require_fit(model, arm.strategy, strategy.plugin);
  for (const auto& processor : processors) {
    arm.processors.push_back(
        plugin::LogitsProcessor::create(registry, processor.plugin, processor.settings));
    arm.processors.back().bind(model);
  }
  return arm;
}

}  // namespace trellis::experiments
