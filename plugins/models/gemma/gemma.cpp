#include "plugins/models/gemma/gemma.hpp"

#include <cmath>

#include "core/nn/decoder.hpp"

namespace trellis::models {
namespace {

using nn::Init;
using nn::Tensor;

}  // namespace

Gemma::Gemma(const GemmaOptions& options, nn::FirstWeights first)
    : Network(first), options_(options) {
  const Init normal{Init::Kind::normal, 0.02};
  tokens_ = nn::Embedding(parameters, "tokens", options.vocab, options.width, normal);
  out_ = nn::Linear(tokens_.weight);
  const nn::Rotary local(options.local_turns, options.context);
  const nn::Rotary global(options.global_turns, options.context);
  const auto norm = [&](const std::string& name) {
    return nn::RmsNorm(parameters, name, options.width, options.epsilon);
  };
  for (std::size_t i = 0; i < options.local.size(); ++i) {
    const std::string name = "blocks." + std::to_string(i);
    Block block;
    block.local = options.local[i];
    block.layer = block.local ? local_layers_++ : global_layers_++;
    block.attention_norm = norm(name + ".attention_norm");
    block.attention = nn::SelfAttention(parameters, name + ".attention",
                                        {.width = options.width,
                                         .heads = options.heads,
                                         .kv_heads = options.kv_heads,
                                         .head_size = options.head_size,
                                         .scale = options.score_scale,
                                         .bias = false,
                                         .init = normal,
                                         .out_init = normal,
                                         .rotary = block.local ? local : global,
                                         .band = block.local ? options.window : 0,
                                         .head_norm = options.epsilon});
    block.after_attention_norm = norm(name + ".after_attention_norm");
    block.feed_forward_norm = norm(name + ".feed_forward_norm");
    block.feed_forward =
        nn::FeedForward(parameters, name + ".feed_forward", options.width, options.inner,
                        nn::Activation::geglu, normal, normal, false);
    block.after_feed_forward_norm = norm(name + ".after_feed_forward_norm");
    blocks_.push_back(std::move(block));
  }
  final_norm_ = norm("final_norm");
}

Tensor Gemma::embed(const Tensor& ids) const {
  return tokens_(ids) * std::sqrt(static_cast<double>(options_.width));
}

Tensor Gemma::hidden(const nn::Batch& batch, std::vector<nn::AttentionMap>* maps) {
  const std::int64_t length = batch.input.size(1);
  const Tensor global = nn::causal_mask(length);  // padding is at the right: no one looks there
  const Tensor local = nn::causal_mask(length, options_.window);
  Tensor x = nn::dropout(embed(batch.input), dropout);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const Block& block = blocks_[i];
    Tensor map;
    const Tensor mixed = block.attention(block.attention_norm(x), block.local ? local : global,
                                         dropout, maps != nullptr ? &map : nullptr);
    x = x + nn::dropout(block.after_attention_norm(mixed), dropout);
    const Tensor lifted = block.feed_forward(block.feed_forward_norm(x), 0.0);
    x = x + nn::dropout(block.after_feed_forward_norm(lifted), dropout);
    if (maps != nullptr) maps->push_back({"self", static_cast<std::int32_t>(i), map});
  }
  return final_norm_(x);
}

Tensor Gemma::logits(const Tensor& hidden) {
  return out_(hidden);
}

nn::StateCost Gemma::state_cost() const {
  const nn::AttentionShape& shape = blocks_.front().attention.shape;
  nn::StateCost cost = nn::cache_cost(global_layers_, shape);
  const nn::StateCost local = nn::cache_cost(local_layers_, shape);
  cost.per_state += local.per_state + local.per_token * static_cast<std::size_t>(options_.window);
  return cost;
}

std::unique_ptr<nn::NetworkState> Gemma::open(std::span<const std::int32_t> /*source*/) {
  const nn::AttentionShape& shape = blocks_.front().attention.shape;
  return std::make_unique<nn::BandedState>(nn::make_cache(global_layers_, shape),
                                           nn::make_cache(local_layers_, shape));
}

Tensor Gemma::feed(std::span<const nn::Feed> feeds) {
  const nn::BandedTokens tokens = nn::extend_banded_caches(feeds);
  Tensor x = embed(tokens.ids);
  for (const Block& block : blocks_) {
    const auto& parts = block.local ? tokens.banded : tokens.dense;
    const Tensor mixed = block.attention.cached(block.attention_norm(x), parts, block.layer);
    x = x + block.after_attention_norm(mixed);
    const Tensor lifted = block.feed_forward(block.feed_forward_norm(x), 0.0);
    x = x + block.after_feed_forward_norm(lifted);
  }
  nn::forget_outside(tokens.banded, static_cast<std::size_t>(options_.window));
  return final_norm_(x);
}

}  // namespace trellis::models
