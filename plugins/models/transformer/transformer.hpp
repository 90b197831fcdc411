/// The encoder-decoder Transformer (Vaswani et al. 2017), with pre- or post-norm, sinusoidal
/// positions and one embedding for source, target and output. README.md has the equations.
#pragma once

#include <vector>

#include "core/nn/attention.hpp"
#include "core/nn/network.hpp"

namespace trellis::models {

struct TransformerOptions {
  std::int64_t vocab = 0;
  std::int64_t context = 256;  ///< positions on either side
  std::int64_t encoder_layers = 3;
  std::int64_t decoder_layers = 3;
  std::int64_t width = 256;
  std::int64_t heads = 4;  ///< divides width
  std::int64_t inner = 1024;
  bool pre_norm = true;         ///< normalise before each sub-layer instead of after it
  bool tied_embeddings = true;  ///< one matrix for source, target and output
};

class Transformer : public nn::Network {
 public:
  Transformer(const TransformerOptions& options, std::uint64_t seed);

  nn::Tensor hidden(const nn::Batch& batch, std::vector<nn::AttentionMap>* maps) override;
  nn::Tensor logits(const nn::Tensor& hidden) override;
  std::int64_t hidden_size() const override { return options_.width; }
  nn::StateCost state_cost() const override;
  std::unique_ptr<nn::NetworkState> open(std::span<const std::int32_t> source) override;
  nn::Tensor feed(std::span<const nn::Feed> feeds) override;

 private:
  struct EncoderBlock {
    nn::SelfAttention attention;
    nn::LayerNorm attention_norm;
    nn::FeedForward feed_forward;
    nn::LayerNorm feed_forward_norm;
  };
  struct DecoderBlock {
    nn::SelfAttention attention;
    nn::LayerNorm attention_norm;
    nn::CrossAttention cross;
    nn::LayerNorm cross_norm;
    nn::FeedForward feed_forward;
    nn::LayerNorm feed_forward_norm;
  };
  nn::Tensor embed(const nn::Embedding& embedding, const nn::Tensor& ids,
                   const nn::Tensor& places) const;
  nn::Tensor encode(const nn::Tensor& source, const nn::Tensor& mask,
                    std::vector<nn::AttentionMap>* maps) const;
  // x + layer(norm(x)), or norm(x + layer(x)).
  template <typename Layer>
  nn::Tensor residual(const nn::Tensor& x, const nn::LayerNorm& norm, const Layer& layer) const;

  TransformerOptions options_;
  nn::Embedding source_;
  nn::Embedding target_;
  nn::Linear out_;
  std::vector<EncoderBlock> encoder_;
  std::vector<DecoderBlock> decoder_;
  nn::LayerNorm encoder_norm_;
  nn::LayerNorm decoder_norm_;
  nn::Tensor positions_;  // [context, width]
};

}  // namespace trellis::models
