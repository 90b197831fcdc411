/// Wu Dao 2.0's principle: GPT with mixtures of experts (FastMoE, He et al. 2021) in place of some
/// feed-forward networks. README.md has the equations.
#pragma once

#include <vector>

#include "core/nn/attention.hpp"
#include "core/nn/mixture.hpp"
#include "core/nn/network.hpp"

namespace trellis::models {

struct WudaoOptions {
  std::int64_t vocab = 0;
  std::int64_t context = 256;  ///< positions
  std::int64_t layers = 4;
  std::int64_t width = 256;
  std::int64_t heads = 4;           ///< divides width
  std::int64_t inner = 1024;        ///< of a feed-forward network and of each expert
  std::int64_t experts = 8;         ///< at least top_k
  std::int64_t top_k = 2;           ///< experts a token goes through
  std::int64_t mixture_stride = 2;  ///< the last of every so many layers has experts
  double capacity_factor = 1.25;    ///< of an expert's even share, in training; 0: no limit
  double balance = 0.01;            ///< weight of the load-balancing loss
};

class Wudao : public nn::Network {
 public:
  Wudao(const WudaoOptions& options, std::uint64_t seed);

  nn::Tensor hidden(const nn::Batch& batch, std::vector<nn::AttentionMap>* maps) override;
  nn::Tensor logits(const nn::Tensor& hidden) override;
  std::int64_t hidden_size() const override { return options_.width; }
  nn::StateCost state_cost() const override;
  std::unique_ptr<nn::NetworkState> open(std::span<const std::int32_t> source) override;
  nn::Tensor feed(std::span<const nn::Feed> feeds) override;

 private:
  struct Block {
    nn::LayerNorm attention_norm;
    nn::SelfAttention attention;
    nn::LayerNorm feed_forward_norm;
    nn::FeedForward feed_forward;  // or
    nn::MixtureOfExperts mixture;  // where it has experts
    std::size_t use = 0;           // its place in expert_use
  };
  nn::Tensor transform(const Block& block, const nn::Tensor& x, const nn::Tensor& counted,
                       nn::Tensor* weights);

  WudaoOptions options_;
  nn::Embedding tokens_;
  nn::Linear out_;  // tied to the tokens' embedding
  nn::Embedding positions_;
  std::vector<Block> blocks_;
  nn::LayerNorm final_norm_;
};

}  // namespace trellis::models
