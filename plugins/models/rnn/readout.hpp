/// From what a recurrent stack leaves behind to logits: one matrix of its own, or, with tied
/// embeddings, a tanh layer and the matrix of the embeddings (Press and Wolf 2017).
#pragma once

#include "core/nn/layers.hpp"

namespace trellis::models {

struct Readout {
  nn::Linear deep;  ///< tied embeddings only
  nn::Linear out;
  bool tied = false;
  std::int64_t size = 0;  ///< of what operator() gives

  Readout() = default;
  /// Logits over `vocab` from vectors of `in`.
  Readout(nn::Parameters& parameters, std::int64_t in, std::int64_t vocab);
  Readout(nn::Parameters& parameters, std::int64_t in, std::int64_t embedding,
          const nn::Embedding& tied_to);

  /// x // [..., in] -> [..., size]
  nn::Tensor operator()(const nn::Tensor& x, double dropout) const;
  /// What operator() gave // [..., size] -> [..., vocab]
  nn::Tensor logits(const nn::Tensor& hidden) const { return out(hidden); }
};

}  // namespace trellis::models
