/// GPT-3 (Brown et al. 2020): GPT-2 with dense and locally banded sparse attention by turns (Child
/// et al. 2019). README.md has the equations.
#pragma once

#include <vector>

#include "core/nn/attention.hpp"
#include "core/nn/network.hpp"

namespace trellis::models {

struct Gpt3Options {
  std::int64_t vocab = 0;
  std::int64_t context = 256;  ///< positions
  std::int64_t layers = 4;
  std::int64_t width = 256;
  std::int64_t heads = 4;  ///< divides width
  std::int64_t inner = 1024;
  double epsilon = 1e-5;    ///< of the norms
  std::int64_t band = 64;   ///< tokens that a banded layer sees, the newest included
  std::int64_t stride = 2;  ///< every stride-th layer is dense, from the first on; 0: none
  double scale = 0;         ///< of attention scores; 0: 1 / sqrt(head size)
  bool query_key_value_bias = true;
};

class Gpt3 : public nn::Network {
 public:
  Gpt3(const Gpt3Options& options, nn::FirstWeights first);

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
    bool banded = false;
    std::size_t layer = 0;  // in the cache of its kind
  };
  Gpt3Options options_;
  nn::Embedding tokens_;
  nn::Linear out_;  // tied to the tokens' embedding
  nn::Embedding positions_;
  std::vector<Block> blocks_;
  std::size_t dense_layers_ = 0;
  std::size_t banded_layers_ = 0;
  nn::LayerNorm final_norm_;
};

}  // namespace trellis::models
