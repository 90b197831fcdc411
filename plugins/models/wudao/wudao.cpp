#include "plugins/models/wudao/wudao.hpp"

#include <cmath>

#include "core/nn/decoder.hpp"

namespace trellis::models {
namespace {

using nn::Init;
using nn::Tensor;

}  // namespace

Wudao::Wudao(const WudaoOptions& options, std::uint64_t seed) : Network(seed), options_(options) {
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
    if (i % options.mixture_stride == options.mixture_stride - 1) {
      block.mixture = nn::MixtureOfExperts(parameters, name + ".mixture",
                                           {.width = options.width,
                                            .inner = options.inner,
                                            .experts = options.experts,
                                            .top_k = options.top_k,
                                            .capacity_factor = options.capacity_factor,
                                            .init = normal,
                                            .down_init = residual});
      block.use = expert_use.size();
      expert_use.push_back(nn::no_use(i, options.experts));
    } else {
      block.feed_forward =
          nn::FeedForward(parameters, name + ".feed_forward", options.width, options.inner,
                          nn::Activation::gelu_tanh, normal, residual);
    }
    blocks_.push_back(std::move(block));
  }
  final_norm_ = nn::LayerNorm(parameters, "final_norm", options.width);
}

// The feed-forward network or the experts; these add to the auxiliary loss in training.
Tensor Wudao::transform(const Block& block, const Tensor& x, const Tensor& counted,
                        Tensor* weights) {
  if (block.mixture.experts.empty()) return block.feed_forward(x, 0.0);
  const nn::MixtureOfExperts::Result result = block.mixture(x, &expert_use[block.use], counted);
  if (weights != nullptr) *weights = result.use;
  if (result.balance.defined()) {
    const Tensor loss = result.balance * options_.balance;
    auxiliary_loss = auxiliary_loss.defined() ? auxiliary_loss + loss : loss;
  }
  return result.output;
}

Tensor Wudao::hidden(const nn::Batch& batch, std::vector<nn::AttentionMap>* maps) {
  const std::int64_t length = batch.input.size(1);
  auxiliary_loss = Tensor();
  const Tensor mask = nn::causal_mask(length);  // padding is at the right: no one looks there
  const Tensor counted = nn::counted_tokens(batch);
  Tensor x = nn::dropout(tokens_(batch.input) + positions_(at::arange(length)), dropout);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const Block& block = blocks_[i];
    Tensor map;
    const Tensor mixed =
        block.attention(block.attention_norm(x), mask, dropout, maps != nullptr ? &map : nullptr);
    x = x + nn::dropout(mixed, dropout);
    Tensor weights;
    x = x + nn::dropout(transform(block, block.feed_forward_norm(x), counted, &weights), dropout);
    if (maps == nullptr) continue;
    maps->push_back({"self", static_cast<std::int32_t>(i), map});
    if (weights.defined())
      maps->push_back({"experts", static_cast<std::int32_t>(i), weights.unsqueeze(1)});
  }
  return final_norm_(x);
}

Tensor Wudao::logits(const Tensor& hidden) {
  return out_(hidden);
}

nn::StateCost Wudao::state_cost() const {
  return nn::cache_cost(blocks_.size(), blocks_.front().attention.shape);
}

std::unique_ptr<nn::NetworkState> Wudao::open(std::span<const std::int32_t> /*source*/) {
  return std::make_unique<nn::CachedState>(
      nn::make_cache(blocks_.size(), blocks_.front().attention.shape));
}

Tensor Wudao::feed(std::span<const nn::Feed> feeds) {
  const nn::CachedTokens tokens = nn::extend_caches(feeds);
  Tensor x = tokens_(tokens.ids) + positions_(tokens.places);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const Block& block = blocks_[i];
    x = x + block.attention.cached(block.attention_norm(x), tokens.parts, i);
    x = x + transform(block, block.feed_forward_norm(x), {}, nullptr);
  }
  return final_norm_(x);
}

}  // namespace trellis::models
