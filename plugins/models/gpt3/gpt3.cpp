#include "plugins/models/gpt3/gpt3.hpp"

#include <cmath>

#include "core/nn/decoder.hpp"

namespace trellis::models {
namespace {

using nn::Init;
using nn::Tensor;

}  // namespace

Gpt3::Gpt3(const Gpt3Options& options, nn::FirstWeights first) : Network(first), options_(options) {
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
    block.banded = options.stride == 0 || i % options.stride != 0;
    block.layer = block.banded ? banded_layers_++ : dense_layers_++;
    block.attention_norm =
        nn::LayerNorm(parameters, name + ".attention_norm", options.width, options.epsilon);
    block.attention = nn::SelfAttention(parameters, name + ".attention",
                                        {.width = options.width,
                                         .heads = options.heads,
                                         .scale = options.scale,
                                         .bias = options.query_key_value_bias,
                                         .out_bias = true,
                                         .init = normal,
                                         .out_init = residual,
                                         .band = block.banded ? options.band : 0});
    block.feed_forward_norm =
        nn::LayerNorm(parameters, name + ".feed_forward_norm", options.width, options.epsilon);
    block.feed_forward =
        nn::FeedForward(parameters, name + ".feed_forward", options.width, options.inner,
                        nn::Activation::gelu_tanh, normal, residual);
    blocks_.push_back(std::move(block));
  }
  final_norm_ = nn::LayerNorm(parameters, "final_norm", options.width, options.epsilon);
}

Tensor Gpt3::hidden(const nn::Batch& batch, std::vector<nn::AttentionMap>* maps) {
  const std::int64_t length = batch.input.size(1);
  const Tensor dense = nn::causal_mask(length);  // padding is at the right: no one looks there
  const Tensor banded = nn::causal_mask(length, options_.band);
  Tensor x = nn::dropout(tokens_(batch.input) + positions_(at::arange(length)), dropout);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const Block& block = blocks_[i];
    Tensor map;
    const Tensor mixed = block.attention(block.attention_norm(x), block.banded ? banded : dense,
                                         dropout, maps != nullptr ? &map : nullptr);
    x = x + nn::dropout(mixed, dropout);
    x = x + nn::dropout(block.feed_forward(block.feed_forward_norm(x), 0.0), dropout);
    if (maps != nullptr) maps->push_back({"self", static_cast<std::int32_t>(i), map});
  }
  return final_norm_(x);
}

Tensor Gpt3::logits(const Tensor& hidden) {
  return out_(hidden);
}

nn::StateCost Gpt3::state_cost() const {
  const nn::AttentionShape& shape = blocks_.front().attention.shape;
  nn::StateCost cost = nn::cache_cost(dense_layers_, shape);
  const nn::StateCost banded = nn::cache_cost(banded_layers_, shape);
  cost.per_state += banded.per_state + banded.per_token * static_cast<std::size_t>(options_.band);
  return cost;
}

std::unique_ptr<nn::NetworkState> Gpt3::open(std::span<const std::int32_t> /*source*/) {
  const nn::AttentionShape& shape = blocks_.front().attention.shape;
  return std::make_unique<nn::BandedState>(nn::make_cache(dense_layers_, shape),
                                           nn::make_cache(banded_layers_, shape));
}

Tensor Gpt3::feed(std::span<const nn::Feed> feeds) {
  const nn::BandedTokens tokens = nn::extend_banded_caches(feeds);
  Tensor x = tokens_(tokens.ids) + positions_(tokens.places);
  for (const Block& block : blocks_) {
    const auto& parts = block.banded ? tokens.banded : tokens.dense;
    x = x + block.attention.cached(block.attention_norm(x), parts, block.layer);
    x = x + block.feed_forward(block.feed_forward_norm(x), 0.0);
  }
  nn::forget_outside(tokens.banded, static_cast<std::size_t>(options_.band));
  return final_norm_(x);
}

}  // namespace trellis::models
