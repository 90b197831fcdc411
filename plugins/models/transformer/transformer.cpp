#include "plugins/models/transformer/transformer.hpp"

#include <array>
#include <cmath>
#include <limits>

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

// Section 3.5: sin on the even, cos on the odd dimensions, wavelengths from 2 pi to 10000 * 2 pi;
// or, with `halves`, all sines and then all cosines.
Tensor sinusoids(std::int64_t context, std::int64_t width, bool halves) {
  const Tensor place = at::arange(context, at::kDouble).unsqueeze(1);
  const Tensor rate = at::exp(at::arange(0, width, 2, at::kDouble) *
                              (-std::log(10000.0) / static_cast<double>(width)));
  const std::array both = {at::sin(place * rate), at::cos(place * rate)};
  return (halves ? at::cat(both, -1) : at::stack(both, -1).flatten(1)).to(at::kFloat);
}

// Xavier (Glorot and Bengio 2010) for a matrix of this shape.
Init xavier(std::int64_t in, std::int64_t out) {
  return {Init::Kind::uniform, std::sqrt(6.0 / static_cast<double>(in + out))};
}

void record(std::vector<AttentionMap>* maps, const char* kind, std::size_t layer,
            const Tensor& map) {
  if (maps != nullptr) maps->push_back({kind, static_cast<std::int32_t>(layer), map});
}

template <typename Norm>
Tensor normalize(const Norm& norm, const Tensor& x) {
  return std::visit([&](const auto& kind) { return kind(x); }, norm);
}

}  // namespace

Transformer::Transformer(const TransformerOptions& options, nn::FirstWeights first)
    : Network(first), options_(options) {
  add_embeddings();
  add_blocks();
  add_positions();
}

void Transformer::add_embeddings() {
  const std::int64_t vocab = options_.vocab;
  const std::int64_t width = options_.width;
  const Init normal{Init::Kind::normal, 1.0 / std::sqrt(static_cast<double>(width))};
  source_ = nn::Embedding(parameters, "embedding", vocab, width, normal);
  target_ = options_.tied == Tied::none
                ? nn::Embedding(parameters, "target_embedding", vocab, width, normal)
                : source_;
  if (options_.tied != Tied::all) {
    out_ = nn::Linear(parameters, "out", width, vocab, options_.output_bias);
    return;
  }
  out_ = nn::Linear(source_.weight);
  if (options_.output_bias) out_.bias = parameters.add("out.bias", {vocab}, {});
}

void Transformer::add_blocks() {
  const std::int64_t width = options_.width;
  const Init square = xavier(width, width);
  const Init up = xavier(width, options_.inner);
  const nn::SelfAttentionOptions attention{.width = width,
                                           .heads = options_.heads,
                                           .head_size = options_.head_size,
                                           .scale = options_.score_scale,
                                           .bias = options_.bias,
                                           .init = square,
                                           .out_init = square};
  const nn::CrossAttentionOptions cross{.width = width,
                                        .heads = options_.heads,
                                        .head_size = options_.head_size,
                                        .scale = options_.score_scale,
                                        .bias = options_.bias,
                                        .init = square};
  const auto feed_forward = [&](const std::string& name) {
    return nn::FeedForward(parameters, name, width, options_.inner, options_.activation, up, up,
                           options_.bias);
  };
  for (std::int64_t i = 0; i < options_.encoder_layers; ++i) {
    const std::string name = "encoder." + std::to_string(i);
    encoder_.push_back({{parameters, name + ".attention", attention},
                        make_norm(name + ".attention_norm"),
                        feed_forward(name + ".feed_forward"),
                        make_norm(name + ".feed_forward_norm")});
  }
  for (std::int64_t i = 0; i < options_.decoder_layers; ++i) {
    const std::string name = "decoder." + std::to_string(i);
    decoder_.push_back({{parameters, name + ".attention", attention},
                        make_norm(name + ".attention_norm"),
                        {parameters, name + ".cross", cross},
                        make_norm(name + ".cross_norm"),
                        feed_forward(name + ".feed_forward"),
                        make_norm(name + ".feed_forward_norm")});
  }
  if (!options_.pre_norm) return;
  encoder_norm_ = make_norm("encoder_norm");
  decoder_norm_ = make_norm("decoder_norm");
}

void Transformer::add_positions() {
  if (options_.positions != Positions::relative) {
    positions_ = sinusoids(options_.context, options_.width,
                           options_.positions == Positions::sinusoid_halves);
    return;
  }
  nn::RelativePositionOptions relative{.heads = options_.heads,
                                       .buckets = options_.relative_buckets,
                                       .max_distance = options_.relative_max_distance};
  decoder_positions_ = nn::RelativePositions(parameters, "decoder_positions", relative);
  relative.both_directions = true;
  encoder_positions_ = nn::RelativePositions(parameters, "encoder_positions", relative);
}

Transformer::Norm Transformer::make_norm(const std::string& name) {
  if (options_.rms_norm) return nn::RmsNorm(parameters, name, options_.width, options_.epsilon);
  return nn::LayerNorm(parameters, name, options_.width, options_.epsilon);
}

template <typename Layer>
Tensor Transformer::residual(const Tensor& x, const Norm& norm, const Layer& layer) const {
  if (options_.pre_norm) return x + nn::dropout(layer(normalize(norm, x)), dropout);
  return normalize(norm, x + nn::dropout(layer(x), dropout));
}

Tensor Transformer::finish(const Tensor& x, const Norm& norm) const {
  return options_.pre_norm ? normalize(norm, x) : x;
}

Tensor Transformer::embed(const nn::Embedding& embedding, const Tensor& ids,
                          const Tensor& places) const {
  const double scale = options_.embedding_scale > 0
                           ? options_.embedding_scale
                           : std::sqrt(static_cast<double>(options_.width));
  Tensor x = embedding(ids) * scale;
  if (positions_.defined()) x = x + positions_.index_select(0, places);
  return nn::dropout(x, dropout);
}

Tensor Transformer::encode(const Tensor& source, const Tensor& mask,
                           std::vector<AttentionMap>* maps) const {
  const nn::RelativeBias bias = encoder_positions_.bias();
  Tensor x = embed(source_, source, at::arange(source.size(1)));
  for (std::size_t i = 0; i < encoder_.size(); ++i) {
    const EncoderBlock& block = encoder_[i];
    Tensor map;
    x = residual(x, block.attention_norm, [&](const Tensor& y) {
      return block.attention(y, mask, dropout, maps != nullptr ? &map : nullptr, bias);
    });
    x = residual(x, block.feed_forward_norm,
                 [&](const Tensor& y) { return block.feed_forward(y, dropout); });
    record(maps, "encoder", i, map);
  }
  return finish(x, encoder_norm_);
}

Tensor Transformer::hidden(const nn::Batch& batch, std::vector<AttentionMap>* maps) {
  const Tensor source_mask = nn::padding_mask(batch.source_lengths, batch.source.size(1))
                                 .unsqueeze(1)
                                 .unsqueeze(1);  // [rows, 1, 1, source_length]
  const Tensor memory = encode(batch.source, source_mask, maps);
  const std::int64_t length = batch.input.size(1);
  const Tensor causal = nn::causal_mask(length);
  const nn::RelativeBias bias = decoder_positions_.bias();
  Tensor x = embed(target_, batch.input, at::arange(length));
  for (std::size_t i = 0; i < decoder_.size(); ++i) {
    const DecoderBlock& block = decoder_[i];
    Tensor self_map;
    Tensor cross_map;
    x = residual(x, block.attention_norm, [&](const Tensor& y) {
      return block.attention(y, causal, dropout, maps != nullptr ? &self_map : nullptr, bias);
    });
    x = residual(x, block.cross_norm, [&](const Tensor& y) {
      return block.cross(y, memory, source_mask, dropout, maps != nullptr ? &cross_map : nullptr);
    });
    x = residual(x, block.feed_forward_norm,
                 [&](const Tensor& y) { return block.feed_forward(y, dropout); });
    record(maps, "self", i, self_map);
    record(maps, "cross", i, cross_map);
  }
  return finish(x, decoder_norm_);
}

Tensor Transformer::logits(const Tensor& hidden) {
  Tensor result = out_(options_.output_scale == 1 ? hidden : hidden * options_.output_scale);
  if (options_.never.empty() || !nn::in_inference()) return result;
  const Tensor never = at::tensor(at::ArrayRef<std::int64_t>(options_.never), at::kLong);
  return result.index_fill_(-1, never, -std::numeric_limits<double>::infinity());
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
  const nn::RelativeBias bias = decoder_positions_.bias();
  Tensor x = embed(target_, ids, nn::places_of(own));
  for (std::size_t i = 0; i < decoder_.size(); ++i) {
    const DecoderBlock& block = decoder_[i];
    x = residual(x, block.attention_norm,
                 [&](const Tensor& y) { return block.attention.cached(y, own, i, bias); });
    x = residual(x, block.cross_norm,
                 [&](const Tensor& y) { return block.cross.cached(y, memory, i); });
    x = residual(x, block.feed_forward_norm,
                 [&](const Tensor& y) { return block.feed_forward(y, 0.0); });
  }
  return finish(x, decoder_norm_);
}

}  // namespace trellis::models
