/// The encoder-decoder Transformer (Vaswani et al. 2017), with pre- or post-norm, sinusoidal
/// positions and one embedding for source, target and output; and what published descendants of it
/// (T5, Marian) have otherwise. README.md has the equations.
#pragma once

#include <variant>
#include <vector>

#include "core/nn/attention.hpp"
#include "core/nn/network.hpp"

namespace trellis::models {

enum class Tied {
  all,     ///< one matrix for source, target and output
  inputs,  ///< one for source and target, one for the output
  none     ///< three
};

enum class Positions {
  sinusoids,        ///< sines and cosines by turns, as in the paper
  sinusoid_halves,  ///< the same, all sines first
  relative          ///< biases of self-attention's scores (Raffel et al. 2020)
};

struct TransformerOptions {
  std::int64_t vocab = 0;
  std::int64_t context = 256;  ///< positions on either side, where they are sinusoids
  std::int64_t encoder_layers = 3;
  std::int64_t decoder_layers = 3;
  std::int64_t width = 256;
  std::int64_t heads = 4;      ///< divides width, unless head_size is given
  std::int64_t head_size = 0;  ///< 0: width / heads
  std::int64_t inner = 1024;
  nn::Activation activation = nn::Activation::relu;
  bool pre_norm = true;   ///< normalise before each sub-layer instead of after it
  bool rms_norm = false;  ///< norms without mean and bias
  double epsilon = 1e-5;  ///< of the norms
  bool bias = true;       ///< of all linear layers but the output
  Tied tied = Tied::all;
  bool output_bias = false;
  double embedding_scale = 0;  ///< what embeddings are multiplied by; 0: sqrt(width)
  double score_scale = 0;      ///< of attention; 0: 1 / sqrt(head_size)
  double output_scale = 1;     ///< what the output layer's input is multiplied by
  Positions positions = Positions::sinusoids;
  std::int64_t relative_buckets = 32;  ///< see nn::RelativePositionOptions
  std::int64_t relative_max_distance = 128;
  std::vector<std::int64_t> never = {};  ///< tokens that are not generated: their logits are
                                         ///< -infinity in inference
};

class Transformer : public nn::Network {
 public:
  Transformer(const TransformerOptions& options, nn::FirstWeights first);

  nn::Tensor hidden(const nn::Batch& batch, std::vector<nn::AttentionMap>* maps) override;
  nn::Tensor logits(const nn::Tensor& hidden) override;
  std::int64_t hidden_size() const override { return options_.width; }
  nn::StateCost state_cost() const override;
  std::unique_ptr<nn::NetworkState> open(std::span<const std::int32_t> source) override;
  nn::Tensor feed(std::span<const nn::Feed> feeds) override;

  /// What the decoder reads of source // [rows, length] -> [rows, length, width]. `mask` hides
  /// padding and may be undefined; `maps` may be null.
  nn::Tensor encode(const nn::Tensor& source, const nn::Tensor& mask,
                    std::vector<nn::AttentionMap>* maps) const;

 private:
  using Norm = std::variant<nn::LayerNorm, nn::RmsNorm>;
  struct EncoderBlock {
    nn::SelfAttention attention;
    Norm attention_norm;
    nn::FeedForward feed_forward;
    Norm feed_forward_norm;
  };
  struct DecoderBlock {
    nn::SelfAttention attention;
    Norm attention_norm;
    nn::CrossAttention cross;
    Norm cross_norm;
    nn::FeedForward feed_forward;
    Norm feed_forward_norm;
  };
  void add_embeddings();
  void add_blocks();
  void add_positions();
  Norm make_norm(const std::string& name);
  nn::Tensor embed(const nn::Embedding& embedding, const nn::Tensor& ids,
                   const nn::Tensor& places) const;
  // x + layer(norm(x)), or norm(x + layer(x)).
  template <typename Layer>
  nn::Tensor residual(const nn::Tensor& x, const Norm& norm, const Layer& layer) const;
  // Of pre-norm's last residual; of post-norm's nothing is left to do.
  nn::Tensor finish(const nn::Tensor& x, const Norm& norm) const;

  TransformerOptions options_;
  nn::Embedding source_;
  nn::Embedding target_;
  nn::Linear out_;
  std::vector<EncoderBlock> encoder_;
  std::vector<DecoderBlock> decoder_;
  Norm encoder_norm_;
  Norm decoder_norm_;
  nn::Tensor positions_;  // [context, width]; undefined where they are relative
  nn::RelativePositions encoder_positions_;
  nn::RelativePositions decoder_positions_;
};

}  // namespace trellis::models
