/// Llama: a decoder-only Transformer with RMS norms, rotary positions, grouped queries and a gated
/// feed-forward network (Touvron et al. 2023). README.md has the equations.
#pragma once

#include <vector>

#include "core/nn/attention.hpp"
#include "core/nn/mixture.hpp"
#include "core/nn/network.hpp"

namespace trellis::models {

struct LlamaOptions {
  std::int64_t vocab = 0;
  std::int64_t context = 256;
  std::int64_t layers = 4;
  std::int64_t width = 256;
  std::int64_t heads = 4;      ///< divides width
  std::int64_t kv_heads = 2;   ///< divides heads
  std::int64_t head_size = 0;  ///< 0: width / heads
  std::int64_t inner = 688;
  double rotary_base = 10000;
  std::vector<double> rotary_frequencies = {};  ///< [head_size / 2]; empty: of rotary_base
  double epsilon = 1e-5;                        ///< of the norms
  bool tied_embeddings = true;
  bool query_key_value_bias = false;  ///< as Qwen2 has it
  std::int64_t experts = 0;  ///< in place of each feed-forward network, as Mixtral; 0: none
  std::int64_t top_k = 2;    ///< experts a token goes through
};

class Llama : public nn::Network {
 public:
  Llama(const LlamaOptions& options, nn::FirstWeights first);

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
    nn::RmsNorm feed_forward_norm;
    nn::FeedForward feed_forward;  // or
    nn::MixtureOfExperts mixture;  // where there are experts
    std::size_t use = 0;           // its place in expert_use
  };
  nn::Tensor transform(const Block& block, const nn::Tensor& x, const nn::Tensor& counted,
                       nn::Tensor* weights);

  LlamaOptions options_;
  nn::Embedding tokens_;
  nn::Linear out_;
  std::vector<Block> blocks_;
  nn::RmsNorm final_norm_;
};

}  // namespace trellis::models
