/// The strategy and processors that a trial names, ready for its model.
#pragma once

#include <span>

#include "core/decode/generate.hpp"
#include "core/plugin/model.hpp"
#include "experiments/protocol.hpp"

namespace trellis::experiments {

/// Throws what the plugins throw, and Error(usage) for a strategy that does not fit the model.
decode::Arm make_arm(plugin::Registry& registry, const plugin::Model& model,
                     const PluginJob& strategy, std::span<const PluginJob> processors);

}  // namespace trellis::experiments
