/// BERT: a Transformer that reads both ways and predicts masked places (Devlin et al. 2019).
/// README.md has the equations.
#pragma once

#include <vector>

#include "core/nn/attention.hpp"
#include "core/nn/network.hpp"
#include "plugins/models/bert/masking.hpp"

namespace trellis::models {

struct BertOptions {
  std::int64_t vocab = 0;      ///< with the mask
  std::int64_t context = 256;  ///< positions
  std::int64_t layers = 4;
  std::int64_t width = 256;
  std::int64_t heads = 4;  ///< divides width
  std::int64_t inner = 1024;
  std::int64_t segments = 2;  ///< texts that are told apart
  double epsilon = 1e-12;     ///< of the norms
  /// What stands behind the first of these belongs to the second segment; -1: of the tokens that
  /// the text around the gap ends with.
  std::int64_t separator = -1;
  MaskingOptions masking;  ///< of training, where the mask is the last of the vocabulary
};

class Bert : public nn::Network {
 public:
  Bert(const BertOptions& options, nn::FirstWeights first);

  /// Whole texts: batch.input, of batch.source_lengths tokens; undefined: all of them.
  nn::Tensor hidden(const nn::Batch& batch, std::vector<nn::AttentionMap>* maps) override;
  nn::Tensor logits(const nn::Tensor& hidden) override;
  /// Texts with gaps (source) and what belongs there (target) as whole texts with masks.
  nn::Batch lesson(const nn::Batch& batch, std::uint64_t seed) const override;
  std::int64_t hidden_size() const override { return options_.width; }
  nn::StateCost state_cost() const override { return {0, sizeof(std::int32_t)}; }
  /// `source` is a text with a mask in its gap.
  std::unique_ptr<nn::NetworkState> open(std::span<const std::int32_t> source) override;
  /// First the mask alone: the row is that of the text's first place. Then a whole block, each of
  /// whose rows is that of its own place. Throws Error(usage) for anything else, and for a text
  /// that is longer than the context.
  nn::Tensor feed(std::span<const nn::Feed> feeds) override;

 private:
  struct Block {
    nn::SelfAttention attention;
    nn::LayerNorm attention_norm;
    nn::FeedForward feed_forward;
    nn::LayerNorm feed_forward_norm;
  };
  template <typename Attend>
  nn::Tensor encode(nn::Tensor x, const Attend& attend) const;
  nn::Tensor embed(const nn::Tensor& ids, const nn::Tensor& places,
                   const nn::Tensor& segments) const;
  nn::Tensor segments_of(const nn::Batch& batch) const;
  nn::Tensor feed_some(std::span<const nn::Feed> feeds) const;

  BertOptions options_;
  nn::Embedding tokens_;
  nn::Embedding positions_;
  nn::Embedding segments_;
  nn::LayerNorm embedding_norm_;
  std::vector<Block> blocks_;
  nn::Linear transform_;
  nn::LayerNorm transform_norm_;
  nn::Linear out_;  // tied to the tokens' embedding, with a bias of its own
};

}  // namespace trellis::models
