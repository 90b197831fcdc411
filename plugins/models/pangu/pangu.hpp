/// PanGu-alpha (Zeng et al. 2021): GPT with a query layer on top, in which the place of the token
/// to come asks, not the token that came last. README.md has the equations.
#pragma once

#include <vector>

#include "core/nn/attention.hpp"
#include "core/nn/network.hpp"

namespace trellis::models {

struct PanguOptions {
  std::int64_t vocab = 0;
  std::int64_t context = 256;  ///< positions
  std::int64_t layers = 3;     ///< below the query layer
  std::int64_t width = 256;
  std::int64_t heads = 4;  ///< divides width
  std::int64_t inner = 1024;
};

class Pangu : public nn::Network {
 public:
  Pangu(const PanguOptions& options, std::uint64_t seed);

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
    nn::FeedForward feed_forward;
  };
  PanguOptions options_;
  nn::Embedding tokens_;
  nn::Linear out_;  // tied to the tokens' embedding
  nn::Embedding positions_;
  std::vector<Block> blocks_;
  struct QueryLayer {
    nn::Embedding places;  // of the token to come
    nn::LayerNorm attention_norm;
    nn::CrossAttention attention;
    nn::LayerNorm feed_forward_norm;
    nn::FeedForward feed_forward;
  };
  QueryLayer query_;
  nn::LayerNorm final_norm_;
};

}  // namespace trellis::models
