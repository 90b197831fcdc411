#include "plugins/models/gpt/gpt.hpp"

#include <cmath>

#include "core/nn/decoder.hpp"

namespace trellis::models {
namespace {

using nn::Init;
using nn::Tensor;

}  // namespace

Gpt::Gpt(const GptOptions& options, nn::FirstWeights first) : Network(first), options_(options) {
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
    block.attention_norm =
        nn::LayerNorm(parameters, name + ".attention_norm", options.width, options.epsilon);
    block.attention = nn::SelfAttention(
        parameters, name + ".attention",
        {.width = options.width, .heads = options.heads, .init = normal, .out_init = residual});
    block.feed_forward_norm =
        nn::LayerNorm(parameters, name + ".feed_forward_norm", options.width, options.epsilon);
    block.feed_forward =
        nn::FeedForward(parameters, name + ".feed_forward", options.width, options.inner,
                        nn::Activation::gelu_tanh, normal, residual);
    blocks_.push_back(std::move(block));
  }
  final_norm_ = nn::LayerNorm(parameters, "final_norm", options.width, options.epsilon);
}

Tensor Gpt::hidden(const nn::Batch& batch, std::vector<nn::AttentionMap>* maps) {
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
  return final_norm_(x);
}

Tensor Gpt::logits(const Tensor& hidden) {
  return out_(hidden);
}

nn::StateCost Gpt::state_cost() const {
  return nn::cache_cost(blocks_.size(), blocks_.front().attention.shape);
}

std::unique_ptr<nn::NetworkState> Gpt::open(std::span<const std::int32_t> /*source*/) {
  return std::make_unique<nn::CachedState>(
      nn::make_cache(blocks_.size(), blocks_.front().attention.shape));
}

Tensor Gpt::feed(std::span<const nn::Feed> feeds) {
  const nn::CachedTokens tokens = nn::extend_caches(feeds);
  Tensor x = tokens_(tokens.ids) + positions_(tokens.places);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const Block& block = blocks_[i];
    x = x + block.attention.cached(block.attention_norm(x), tokens.parts, i);
    x = x + block.feed_forward(block.feed_forward_norm(x), 0.0);
  }
  return final_norm_(x);
}

}  // namespace trellis::models
