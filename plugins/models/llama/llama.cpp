#include "plugins/models/llama/llama.hpp"

#include <cmath>

#include "core/nn/decoder.hpp"

namespace trellis::models {
namespace {

using nn::Init;
using nn::Tensor;

}  // namespace

Llama::Llama(const LlamaOptions& options, nn::FirstWeights first)
    : Network(first), options_(options) {
  const Init normal{Init::Kind::normal, 0.02};
  // Two sums a block go into the residual stream: this keeps its variance as at the start.
  const Init residual{Init::Kind::normal,
                      0.02 / std::sqrt(2.0 * static_cast<double>(options.layers))};
  tokens_ = nn::Embedding(parameters, "tokens", options.vocab, options.width, normal);
  const std::int64_t head_size =
      options.head_size > 0 ? options.head_size : options.width / options.heads;
  std::vector<double> frequencies = options.rotary_frequencies;
  if (frequencies.empty())
    frequencies =
        kernels::rotary_frequencies(options.rotary_base, static_cast<std::size_t>(head_size));
  const nn::SelfAttentionOptions attention{.width = options.width,
                                           .heads = options.heads,
                                           .kv_heads = options.kv_heads,
                                           .head_size = head_size,
                                           .bias = options.query_key_value_bias,
                                           .out_bias = false,
                                           .init = normal,
                                           .out_init = residual,
                                           .rotary = {frequencies, options.context}};
  const auto norm = [&](const std::string& name) {
    return nn::RmsNorm(parameters, name, options.width, options.epsilon);
  };
  for (std::int64_t i = 0; i < options.layers; ++i) {
    const std::string name = "blocks." + std::to_string(i);
    Block block;
    block.attention_norm = norm(name + ".attention_norm");
    block.attention = nn::SelfAttention(parameters, name + ".attention", attention);
    block.feed_forward_norm = norm(name + ".feed_forward_norm");
    if (options.experts > 0) {
      block.mixture = nn::MixtureOfExperts(parameters, name + ".mixture",
                                           {.width = options.width,
                                            .inner = options.inner,
                                            .experts = options.experts,
                                            .top_k = options.top_k,
                                            .capacity_factor = 0,
                                            .activation = nn::Activation::swiglu,
                                            .bias = false,
                                            .init = normal,
                                            .down_init = residual});
      block.use = expert_use.size();
      expert_use.push_back(nn::no_use(i, options.experts));
    } else {
      block.feed_forward =
          nn::FeedForward(parameters, name + ".feed_forward", options.width, options.inner,
                          nn::Activation::swiglu, normal, residual, false);
    }
    blocks_.push_back(std::move(block));
  }
  final_norm_ = norm("final_norm");
  out_ = options.tied_embeddings
             ? nn::Linear(tokens_.weight)
             : nn::Linear(parameters, "out", options.width, options.vocab, normal, false);
}

// The feed-forward network or the experts; `weights` receives what these weigh.
Tensor Llama::transform(const Block& block, const Tensor& x, const Tensor& counted,
                        Tensor* weights) {
  if (block.mixture.experts.empty()) return block.feed_forward(x, 0.0);
  const nn::MixtureOfExperts::Result result = block.mixture(x, &expert_use[block.use], counted);
  if (weights != nullptr) *weights = result.use;
  return result.output;
}

Tensor Llama::hidden(const nn::Batch& batch, std::vector<nn::AttentionMap>* maps) {
  const Tensor mask = nn::causal_mask(batch.input.size(1));  // no one looks at padding at the right
  const Tensor counted = nn::counted_tokens(batch);
  Tensor x = nn::dropout(tokens_(batch.input), dropout);
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
    x = x + transform(block, block.feed_forward_norm(x), {}, nullptr);
  }
  return final_norm_(x);
}

}  // namespace trellis::models
