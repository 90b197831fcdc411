/// A network with random weights as a model, in this process: its text is the numbers of tokens.
#pragma once

#include <memory>

#include "core/nn/network.hpp"
#include "core/plugin/model.hpp"

namespace trellis::bench {

/// Prompts are numbers between spaces; no token ends a text. The host's threads are LibTorch's.
plugin::Model make_network_model(std::unique_ptr<nn::Network> network, std::size_t vocab,
                                 std::size_t context);

}  // namespace trellis::bench
