/// What a model makes of each token of a text, as a vector: for metrics that compare texts by
/// meaning.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/plugin/model.hpp"

namespace trellis::decode {

/// Vectors of a text's tokens, in order, without those of the model's own symbols around it.
using TokenVectors = std::vector<float>;  ///< [tokens, hidden_size]

/// The last layer's output at every token, one answer a text; `max_batch` texts are fed at once. A
/// model that writes from left to right reads the text from its start symbol, so that a token's
/// vector knows what stands before it; one that predicts masked places reads all of it, and a
/// vector knows both sides. A text is cut where the model's context ends. Throws Error(usage) for a
/// model that gives no vectors or reads with an encoder of its own, Error(cancelled), or what the
/// model throws.
std::vector<TokenVectors> embed(plugin::Model& model, std::span<const std::string> texts,
                                std::size_t max_batch, const std::function<bool()>& cancelled);

}  // namespace trellis::decode
