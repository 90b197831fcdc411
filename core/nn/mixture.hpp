/// A mixture of experts in place of a feed-forward network (Shazeer et al. 2017; FastMoE, He et al.
/// 2021): each token goes through the few experts that a gate chooses for it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
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

/// How many tokens the gate of one layer sent to each of its experts.
struct ExpertUse {
  std::int32_t layer = 0;
  std::vector<std::uint64_t> tokens;   ///< [experts]; a token counts once for each that it chose
  std::vector<std::uint64_t> dropped;  ///< [experts]; of these, those beyond the capacity
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(ExpertUse, layer, tokens, dropped)
};

/// A layer's counts before its first token.
ExpertUse no_use(std::int64_t layer, std::int64_t experts);

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
  /// x // [..., width]. Only chosen experts are computed. Adds the choices to `use`, if it is not
  /// null: of all tokens, or where `counted` is defined of those where it is true // [tokens]
  Result operator()(const Tensor& x, ExpertUse* use = nullptr, const Tensor& counted = {}) const;
};

}  // namespace trellis::nn
