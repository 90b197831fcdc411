#include "plugins/models/pangu/pangu.hpp"

#include <cmath>

#include "core/nn/decoder.hpp"

namespace trellis::models {
namespace {

using nn::Init;
using nn::Tensor;

}  // namespace

Pangu::Pangu(const PanguOptions& options, std::uint64_t seed) : Network(seed), options_(options) {
  const Init normal{Init::Kind::normal, 0.02};
  // Two sums a block go into the residual stream: this keeps its variance as at the start.
  const Init residual{Init::Kind::normal,
                      0.02 / std::sqrt(2.0 * static_cast<double>(options.layers))};
  tokens_ = nn::Embedding(parameters, "tokens", options.vocab, options.width, normal);
  out_ = nn::Linear(tokens_.weight);
  positions_ = nn::Embedding(parameters, "positions", options.context, options.width, normal);
  for (std::int64_t i = 0; i < options.layers; ++i) {
    const std::string name = "blocks." + std::to_string(i);
    Block block;
    block.attention_norm = nn::LayerNorm(parameters, name + ".attention_norm", options.width);
    block.attention = nn::SelfAttention(
        parameters, name + ".attention",
        {.width = options.width, .heads = options.heads, .init = normal, .out_init = residual});
    block.feed_forward_norm = nn::LayerNorm(parameters, name + ".feed_forward_norm", options.width);
    block.feed_forward =
        nn::FeedForward(parameters, name + ".feed_forward", options.width, options.inner,
                        nn::Activation::gelu_tanh, normal, residual);
    blocks_.push_back(std::move(block));
  }
  query_.places = nn::Embedding(parameters, "query.places", options.context, options.width, normal);
  query_.attention_norm = nn::LayerNorm(parameters, "query.attention_norm", options.width);
  query_.attention =
      nn::CrossAttention(parameters, "query.attention",
                         {.width = options.width, .heads = options.heads, .init = normal});
  query_.feed_forward_norm = nn::LayerNorm(parameters, "query.feed_forward_norm", options.width);
  query_.feed_forward = nn::FeedForward(parameters, "query.feed_forward", options.width,
                                        options.inner, nn::Activation::gelu_tanh, normal, residual);
  final_norm_ = nn::LayerNorm(parameters, "final_norm", options.width);
}

Tensor Pangu::hidden(const nn::Batch& batch, std::vector<nn::AttentionMap>* maps) {
  const std::int64_t length = batch.input.size(1);
  const Tensor mask = nn::causal_mask(length);  // padding is at the right: no one looks there
  Tensor x = nn::dropout(tokens_(batch.input) + positions_(at::arange(length)), dropout);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const Block& block = blocks_[i];
    Tensor map;
    const Tensor mixed =
        block.attention(block.attention_norm(x), mask, dropout, maps != nullptr ? &map : nullptr);
    x = x + nn::dropout(mixed, dropout);
    x = x + nn::dropout(block.feed_forward(block.feed_forward_norm(x), 0.0), dropout);
    if (maps != nullptr) maps->push_back({"self", static_cast<std::int32_t>(i), map});
  }
  Tensor map;
  const Tensor next = query_.places(at::arange(length)).expand_as(x);
  const Tensor answer = query_.attention(next, query_.attention_norm(x), mask, dropout,
                                         maps != nullptr ? &map : nullptr);
  x = x + nn::dropout(answer, dropout);
  x = x + nn::dropout(query_.feed_forward(query_.feed_forward_norm(x), 0.0), dropout);
  if (maps != nullptr) maps->push_back({"self", static_cast<std::int32_t>(blocks_.size()), map});
  return final_norm_(x);
}

Tensor Pangu::logits(const Tensor& hidden) {
  return out_(hidden);
}

nn::StateCost Pangu::state_cost() const {
  return nn::cache_cost(blocks_.size() + 1, blocks_.front().attention.shape);
}

std::unique_ptr<nn::NetworkState> Pangu::open(std::span<const std::int32_t> /*source*/) {
  return std::make_unique<nn::CachedState>(
      nn::make_cache(blocks_.size() + 1, blocks_.front().attention.shape));
}

Tensor Pangu::feed(std::span<const nn::Feed> feeds) {
  const nn::CachedTokens tokens = nn::extend_caches(feeds);
  Tensor x = tokens_(tokens.ids) + positions_(tokens.places);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const Block& block = blocks_[i];
    x = x + block.attention.cached(block.attention_norm(x), tokens.parts, i);
    x = x + block.feed_forward(block.feed_forward_norm(x), 0.0);
  }
  query_.attention.store(query_.attention_norm(x), tokens.parts, blocks_.size());
  x = x + query_.attention.cached(query_.places(tokens.places), tokens.parts, blocks_.size(), true);
  x = x + query_.feed_forward(query_.feed_forward_norm(x), 0.0);
  return final_norm_(x);
}

}  // namespace trellis::models
