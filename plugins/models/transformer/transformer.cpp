#include "plugins/models/transformer/transformer.hpp"

#include <cmath>

namespace trellis::models {
namespace {

using nn::AttentionMap;
using nn::Init;
using nn::Tensor;

struct TransformerState : nn::NetworkState {
  explicit TransformerState(const kernels::KvCache& empty) : cache(empty), memory(empty) {}
  std::unique_ptr<nn::NetworkState> fork() const override {
    return std::make_unique<TransformerState>(*this);
  }
  kernels::KvCache cache;   // of the decoder's own tokens
  kernels::KvCache memory;  // of the encoder's output
};

// Section 3.5: sin on the even, cos on the odd dimensions, wavelengths from 2 pi to 10000 * 2 pi.
Tensor sinusoids(std::int64_t context, std::int64_t width) {
  const Tensor place = at::arange(context, at::kFloat).unsqueeze(1);
  const Tensor rate = at::exp(at::arange(0, width, 2, at::kFloat) *
                              (-std::log(10000.0) / static_cast<double>(width)));
  return at::stack({at::sin(place * rate), at::cos(place * rate)}, -1).flatten(1);
}

// Xavier (Glorot and Bengio 2010) for a matrix of this shape.
Init xavier(std::int64_t in, std::int64_t out) {
  return {Init::Kind::uniform, std::sqrt(6.0 / static_cast<double>(in + out))};
}

void record(std::vector<AttentionMap>* maps, const char* kind, std::size_t layer,
            const Tensor& map) {
  if (maps != nullptr) maps->push_back({kind, static_cast<std::int32_t>(layer), map});
}

}  // namespace

Transformer::Transformer(const TransformerOptions& options, std::uint64_t seed)
    : Network(seed), options_(options) {
  const std::int64_t width = options.width;
  const Init square = xavier(width, width);
  const Init up = xavier(width, options.inner);
  const Init normal{Init::Kind::normal, 1.0 / std::sqrt(static_cast<double>(width))};
  source_ = nn::Embedding(parameters, "embedding", options.vocab, width, normal);
  target_ = source_;
  if (!options.tied_embeddings) {
    target_ = nn::Embedding(parameters, "target_embedding", options.vocab, width, normal);
    out_ = nn::Linear(parameters, "out", width, options.vocab);
  } else {
    out_ = nn::Linear(source_.weight);
  }
  const nn::SelfAttentionOptions attention{
      .width = width, .heads = options.heads, .init = square, .out_init = square};
  const auto norm = [&](const std::string& name) { return nn::LayerNorm(parameters, name, width); };
  const auto feed_forward = [&](const std::string& name) {
    return nn::FeedForward(parameters, name, width, options.inner, nn::Activation::relu, up, up);
  };
  for (std::int64_t i = 0; i < options.encoder_layers; ++i) {
    const std::string name = "encoder." + std::to_string(i);
    encoder_.push_back({{parameters, name + ".attention", attention},
                        norm(name + ".attention_norm"),
                        feed_forward(name + ".feed_forward"),
                        norm(name + ".feed_forward_norm")});
  }
  for (std::int64_t i = 0; i < options.decoder_layers; ++i) {
    const std::string name = "decoder." + std::to_string(i);
    decoder_.push_back({{parameters, name + ".attention", attention},
                        norm(name + ".attention_norm"),
                        {parameters, name + ".cross", width, options.heads, square},
                        norm(name + ".cross_norm"),
                        feed_forward(name + ".feed_forward"),
                        norm(name + ".feed_forward_norm")});
  }
  if (options.pre_norm) {
    encoder_norm_ = norm("encoder_norm");
    decoder_norm_ = norm("decoder_norm");
  }
  positions_ = sinusoids(options.context, width);
}

template <typename Layer>
Tensor Transformer::residual(const Tensor& x, const nn::LayerNorm& norm, const Layer& layer) const {
  if (options_.pre_norm) return x + nn::dropout(layer(norm(x)), dropout);
  return norm(x + nn::dropout(layer(x), dropout));
}

Tensor Transformer::embed(const nn::Embedding& embedding, const Tensor& ids,
                          const Tensor& places) const {
  const double scale = std::sqrt(static_cast<double>(options_.width));
  return nn::dropout(embedding(ids) * scale + positions_.index_select(0, places), dropout);
}

Tensor Transformer::encode(const Tensor& source, const Tensor& mask,
                           std::vector<AttentionMap>* maps) const {
  Tensor x = embed(source_, source, at::arange(source.size(1)));
  for (std::size_t i = 0; i < encoder_.size(); ++i) {
    const EncoderBlock& block = encoder_[i];
    Tensor map;
    x = residual(x, block.attention_norm, [&](const Tensor& y) {
      return block.attention(y, mask, dropout, maps != nullptr ? &map : nullptr);
    });
    x = residual(x, block.feed_forward_norm,
                 [&](const Tensor& y) { return block.feed_forward(y, dropout); });
    record(maps, "encoder", i, map);
  }
  return options_.pre_norm ? encoder_norm_(x) : x;
}

Tensor Transformer::hidden(const nn::Batch& batch, std::vector<AttentionMap>* maps) {
  const Tensor source_mask = nn::padding_mask(batch.source_lengths, batch.source.size(1))
                                 .unsqueeze(1)
                                 .unsqueeze(1);  // [rows, 1, 1, source_length]
  const Tensor memory = encode(batch.source, source_mask, maps);
  const std::int64_t length = batch.input.size(1);
  const Tensor causal = nn::causal_mask(length);
  Tensor x = embed(target_, batch.input, at::arange(length));
  for (std::size_t i = 0; i < decoder_.size(); ++i) {
    const DecoderBlock& block = decoder_[i];
    Tensor self_map;
    Tensor cross_map;
    x = residual(x, block.attention_norm, [&](const Tensor& y) {
      return block.attention(y, causal, dropout, maps != nullptr ? &self_map : nullptr);
    });
    x = residual(x, block.cross_norm, [&](const Tensor& y) {
      return block.cross(y, memory, source_mask, dropout, maps != nullptr ? &cross_map : nullptr);
    });
    x = residual(x, block.feed_forward_norm,
                 [&](const Tensor& y) { return block.feed_forward(y, dropout); });
    record(maps, "self", i, self_map);
    record(maps, "cross", i, cross_map);
  }
  return options_.pre_norm ? decoder_norm_(x) : x;
}

Tensor Transformer::logits(const Tensor& hidden) {
  return out_(hidden);
}

nn::StateCost Transformer::state_cost() const {
  return nn::cache_cost(decoder_.size(), decoder_.front().attention.shape);
}

std::unique_ptr<nn::NetworkState> Transformer::open(std::span<const std::int32_t> source) {
  auto state = std::make_unique<TransformerState>(
      nn::make_cache(decoder_.size(), decoder_.front().attention.shape));
  const Tensor memory =
      encode(nn::ids_tensor(source.data(), source.size()), {}, nullptr).squeeze(0);
  state->memory.extend(source.size());
  const nn::CachePart part{&state->memory, source.size()};
  for (std::size_t i = 0; i < decoder_.size(); ++i) decoder_[i].cross.store(memory, {&part, 1}, i);
  return state;
}

Tensor Transformer::feed(std::span<const nn::Feed> feeds) {
  const Tensor ids = nn::concatenate_tokens(feeds);
  std::vector<nn::CachePart> own;
  std::vector<nn::CachePart> memory;
  for (const nn::Feed& feed : feeds) {
    auto& state = static_cast<TransformerState&>(*feed.state);
    state.cache.extend(feed.tokens.size());
    own.push_back({&state.cache, feed.tokens.size()});
    memory.push_back({&state.memory, feed.tokens.size()});
  }
  Tensor x = embed(target_, ids, nn::places_of(own));
  for (std::size_t i = 0; i < decoder_.size(); ++i) {
    const DecoderBlock& block = decoder_[i];
    x = residual(x, block.attention_norm,
                 [&](const Tensor& y) { return block.attention.cached(y, own, i); });
    x = residual(x, block.cross_norm,
                 [&](const Tensor& y) { return block.cross.cached(y, memory, i); });
    x = residual(x, block.feed_forward_norm,
                 [&](const Tensor& y) { return block.feed_forward(y, 0.0); });
  }
  return options_.pre_norm ? decoder_norm_(x) : x;
}

}  // namespace trellis::models
