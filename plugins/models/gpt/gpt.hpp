/// GPT: a decoder-only Transformer, pre-norm, with learned positions and tied embeddings (Radford
/// et al. 2019). README.md has the equations.
#pragma once

#include <vector>

#include "core/nn/attention.hpp"
#include "core/nn/network.hpp"

namespace trellis::models {

struct GptOptions {
  std::int64_t vocab = 0;
  std::int64_t context = 256;  ///< positions
  std::int64_t layers = 4;
  std::int64_t width = 256;
  std::int64_t heads = 4;  ///< divides width
  std::int64_t inner = 1024;
  double epsilon = 1e-5;  ///< of the norms
};

class Gpt : public nn::Network {
 public:
  Gpt(const GptOptions& options, nn::FirstWeights first);

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
  GptOptions options_;
  nn::Embedding tokens_;
  nn::Linear out_;  // tied to the tokens' embedding
  nn::Embedding positions_;
  std::vector<Block> blocks_;
  nn::LayerNorm final_norm_;
};

}  // namespace trellis::models
