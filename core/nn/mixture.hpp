/// A mixture of experts in place of a feed-forward network (Shazeer et al. 2017; FastMoE, He et al.
/// 2021): each token goes through the few experts that a gate chooses for it.
#pragma once

#include <string>
#include <vector>

#include "core/nn/layers.hpp"

namespace trellis::nn {

struct MixtureOptions {
  std::int64_t width = 0;
  std::int64_t inner = 0;    ///< of each expert
  std::int64_t experts = 8;  ///< at least top_k
  std::int64_t top_k = 2;    ///< experts a token
  /// In training an expert takes at most this many times its even share of a batch; tokens beyond
  /// it go without, in the order of the batch. 0: no limit. Inference has none, or one text would
  /// depend on the others.
  double capacity_factor = 1.25;
  Activation activation = Activation::gelu_tanh;
  bool bias = true;  ///< of the experts
  Init init;
  Init down_init;
};

/// y = sum over the top_k experts e of softmax(gate logits of these)_e expert_e(x).
struct MixtureOfExperts {
  Linear gate;  ///< without bias
  std::vector<FeedForward> experts;
  std::int64_t top_k = 2;
  double capacity_factor = 0;
  MixtureOfExperts() = default;
  MixtureOfExperts(Parameters& parameters, const std::string& name, const MixtureOptions& options);

  struct Result {
    Tensor output;   ///< as x
    Tensor use;      ///< [..., experts]: weights of the chosen experts, rows sum to 1
    Tensor balance;  ///< the load-balancing loss (Fedus et al. 2021): 1 when all get the same share
  };
  /// x // [..., width]. Only chosen experts are computed.
  Result operator()(const Tensor& x) const;
};

}  // namespace trellis::nn
