/// Gemma 3: a decoder-only Transformer with norms before and after each layer, normed queries and
/// keys, and local and global attention by turns (Gemma Team 2025). README.md has the equations.
#pragma once

#include <vector>

#include "core/nn/attention.hpp"
#include "core/nn/network.hpp"

namespace trellis::models {

struct GemmaOptions {
  std::int64_t vocab = 0;
  std::int64_t context = 256;
  std::int64_t width = 256;
  std::int64_t heads = 4;
  std::int64_t kv_heads = 1;  ///< divides heads
  std::int64_t head_size = 64;
  std::int64_t inner = 768;
  std::int64_t window = 64;              ///< tokens that a local layer sees, the newest included
  std::vector<bool> local = {};          ///< of each layer
  std::vector<double> local_turns = {};  ///< rotary frequencies // [head_size / 2]
  std::vector<double> global_turns = {};
  double score_scale = 0;  ///< 0: 1 / sqrt(head_size)
  double epsilon = 1e-6;   ///< of the norms
};

class Gemma : public nn::Network {
 public:
  Gemma(const GemmaOptions& options, nn::FirstWeights first);

  nn::Tensor hidden(const nn::Batch& batch, std::vector<nn::AttentionMap>* maps) override;
  nn::Tensor logits(const nn::Tensor& hidden) override;
  std::int64_t hidden_size() const override { return options_.width; }
  nn::StateCost state_cost() const override;
  std::unique_ptr<nn::NetworkState> open(std::span<const std::int32_t> source) override;
  nn::Tensor feed(std::span<const nn::Feed> feeds) override;

 private:
  struct Block {
    nn::RmsNorm attention_norm;
    nn::SelfAttention attention;
    nn::RmsNorm after_attention_norm;
    nn::RmsNorm feed_forward_norm;
    nn::FeedForward feed_forward;
    nn::RmsNorm after_feed_forward_norm;
    bool local = false;
    std::size_t layer = 0;  // in the cache of its kind
  };
  nn::Tensor embed(const nn::Tensor& ids) const;

  GemmaOptions options_;
  nn::Embedding tokens_;
  nn::Linear out_;  // tied to the tokens' embedding
  std::vector<Block> blocks_;
  std::size_t local_layers_ = 0;
  std::size_t global_layers_ = 0;
  nn::RmsNorm final_norm_;
};

}  // namespace trellis::models
