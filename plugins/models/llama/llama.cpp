#include "plugins/models/llama/llama.hpp"

#include <cmath>

#include "core/nn/decoder.hpp"

namespace trellis::models {
namespace {

using nn::Init;
using nn::Tensor;

}  // namespace

Llama::Llama(const LlamaOptions& options, std::uint64_t seed) : Network(seed), options_(options) {
  const Init normal{Init::Kind::normal, 0.02};
  // Two sums a block go into the residual stream: this keeps its variance as at the start.
  const Init residual{Init::Kind::normal,
                      0.02 / std::sqrt(2.0 * static_cast<double>(options.layers))};
  tokens_ = nn::Embedding(parameters, "tokens", options.vocab, options.width, normal);
  const auto head_size = static_cast<std::size_t>(options.width / options.heads);
  const nn::SelfAttentionOptions attention{
      .width = options.width,
      .heads = options.heads,
      .kv_heads = options.kv_heads,
      .bias = false,
      .init = normal,
      .out_init = residual,
      .rotary = {kernels::rotary_frequencies(options.rotary_base, head_size), options.context}};
  const auto norm = [&](const std::string& name) {
    return nn::RmsNorm(parameters, name, options.width, options.epsilon);
  };
  for (std::int64_t i = 0; i < options.layers; ++i) {
    const std::string name = "blocks." + std::to_string(i);
    Block block;
    block.attention_norm = norm(name + ".attention_norm");
    block.attention = nn::SelfAttention(parameters, name + ".attention", attention);
    block.feed_forward_norm = norm(name + ".feed_forward_norm");
    block.feed_forward =
        nn::FeedForward(parameters, name + ".feed_forward", options.width, options.inner,
                        nn::Activation::swiglu, normal, residual, false);
    blocks_.push_back(std::move(block));
  }
  final_norm_ = norm("final_norm");
  out_ = options.tied_embeddings
             ? nn::Linear(tokens_.weight)
             : nn::Linear(parameters, "out", options.width, options.vocab, normal, false);
}

Tensor Llama::hidden(const nn::Batch& batch, std::vector<nn::AttentionMap>* maps) {
  const Tensor mask = nn::causal_mask(batch.input.size(1));  // no one looks at padding at the right
  Tensor x = nn::dropout(tokens_(batch.input), dropout);
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

Tensor Llama::logits(const Tensor& hidden) {
  return out_(hidden);
}

nn::StateCost Llama::state_cost() const {
  return nn::cache_cost(blocks_.size(), blocks_.front().attention.shape);
}

std::unique_ptr<nn::NetworkState> Llama::open(std::span<const std::int32_t> /*source*/) {
  return std::make_unique<nn::CachedState>(
      nn::make_cache(blocks_.size(), blocks_.front().attention.shape));
}

Tensor Llama::feed(std::span<const nn::Feed> feeds) {
  const nn::CachedTokens tokens = nn::extend_caches(feeds);
  Tensor x = tokens_(tokens.ids);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const Block& block = blocks_[i];
    x = x + block.attention.cached(block.attention_norm(x), tokens.parts, i);
    x = x + block.feed_forward(block.feed_forward_norm(x), 0.0);
  }
  return final_norm_(x);
}

}  // namespace trellis::models
