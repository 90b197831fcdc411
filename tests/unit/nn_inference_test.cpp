// Frozen layers against LibTorch's operations on the same weights.
#include <gtest/gtest.h>

#include "core/nn/attention.hpp"
#include "core/nn/layers.hpp"
#include "core/nn/recurrent.hpp"

namespace trellis {
namespace {

using nn::Init;
using nn::Tensor;

// Sums of at most 96 products of numbers around 1, in another order and with other roundings: each
// side is within 96 * 2^-24 of the sum of their sizes, below 20.
constexpr double kRounding = 1e-4;

constexpr std::int64_t kWidth = 48;
const Init kNormal{Init::Kind::normal, 0.3};

Tensor random_tensor(at::IntArrayRef shape, std::uint64_t seed = 7) {
  return at::randn(shape, at::detail::createCPUGenerator(seed));
}

void expect_close(const Tensor& found, const Tensor& expected) {
  ASSERT_EQ(found.sizes(), expected.sizes());
  EXPECT_LT((found - expected).abs().max().item<double>(), kRounding);
}

// `compute` by LibTorch, then by kernels on frozen weights.
template <typename Compute>
void expect_same_layer(nn::Parameters& parameters, const Compute& compute) {
  Tensor expected;
  {
    const at::NoGradGuard no_gradient;
    expected = compute();
  }
  parameters.freeze();
  {
    const c10::InferenceMode inference;
    expect_close(compute(), expected);
  }
  parameters.thaw();
  const at::NoGradGuard no_gradient;
  EXPECT_TRUE(at::equal(compute(), expected)) << "thawing must give the same weights back";
}

TEST(FrozenLayers, LinearEmbeddingAndTiedOutputAgreeWithLibTorch) {
  nn::Parameters parameters(1);
  const nn::Linear with_bias(parameters, "a", kWidth, 96, kNormal);
  const nn::Linear without_bias(parameters, "b", kWidth, 35, false);
  const nn::Embedding embedding(parameters, "c", 50, kWidth, kNormal);
  const nn::Linear tied(embedding.weight);
  const Tensor x = random_tensor({3, 5, kWidth});
  const std::int32_t ids[] = {0, 49, 7, 7, 31};
  expect_same_layer(parameters, [&] { return with_bias(x); });
  expect_same_layer(parameters, [&] { return without_bias(x); });
  expect_same_layer(parameters, [&] { return embedding(nn::ids_tensor(ids, 5)); });
  expect_same_layer(parameters, [&] { return tied(x); });
  EXPECT_EQ(parameters.count(), 96U * 48 + 96 + 35 * 48 + 50 * 48);
}

TEST(FrozenLayers, NormsAgreeWithLibTorch) {
  nn::Parameters parameters(2);
  const nn::LayerNorm layer_norm(parameters, "a", kWidth);
  const nn::RmsNorm rms_norm(parameters, "b", kWidth);
  const Tensor x = random_tensor({9, kWidth}) * 3 + 1;
  expect_same_layer(parameters, [&] { return layer_norm(x); });
  expect_same_layer(parameters, [&] { return rms_norm(x); });
}

TEST(FrozenLayers, FeedForwardAgreesWithLibTorch) {
  for (const auto activation : {nn::Activation::relu, nn::Activation::silu,
                                nn::Activation::gelu_tanh, nn::Activation::swiglu}) {
    nn::Parameters parameters(3);
    const nn::FeedForward layer(parameters, "a", kWidth, 96, activation, kNormal, kNormal);
    const Tensor x = random_tensor({4, kWidth});
    expect_same_layer(parameters, [&] { return layer(x, 0.0); });
  }
}

// What sequences of these lengths get from a cache, fed in two pieces.
Tensor self_attention_by_cache(const nn::SelfAttention& layer, const Tensor& x,
                               const nn::RelativeBias& bias = {}) {
  std::vector<kernels::KvCache> caches(static_cast<std::size_t>(x.size(0)),
                                       nn::make_cache(1, layer.shape));
  std::vector<Tensor> pieces;
  for (const auto& [from, count] : {std::pair(0, 20), std::pair(20, 1), std::pair(21, 16)}) {
    std::vector<nn::CachePart> parts;
    for (auto& cache : caches) {
      cache.extend(static_cast<std::size_t>(count));
      parts.push_back({&cache, static_cast<std::size_t>(count)});
    }
    const Tensor piece = x.narrow(1, from, count).flatten(0, 1);
    pieces.push_back(layer.cached(piece, parts, 0, bias).view({x.size(0), count, -1}));
  }
  return at::cat(pieces, 1);
}

TEST(FrozenLayers, SelfAttentionAgreesWithLibTorch) {
  nn::Parameters parameters(4);
  const nn::SelfAttention layer(
      parameters, "a", {.width = kWidth, .heads = 4, .init = kNormal, .out_init = kNormal});
  const Tensor x = random_tensor({2, 37, kWidth});
  expect_same_layer(parameters, [&] {
    return nn::in_inference() ? self_attention_by_cache(layer, x)
                              : layer(x, nn::causal_mask(37), 0.0, nullptr);
  });
  const Tensor alone = x.narrow(0, 1, 1);  // without a mask, as encoders have it
  expect_same_layer(parameters, [&] { return layer(alone, {}, 0.0, nullptr); });
}

TEST(FrozenLayers, GroupedAndRotaryAttentionAgreesWithLibTorch) {
  nn::Parameters parameters(8);
  const nn::SelfAttention layer(parameters, "a",
                                {.width = kWidth,
                                 .heads = 6,
                                 .kv_heads = 2,
                                 .bias = false,
                                 .init = kNormal,
                                 .out_init = kNormal,
                                 .rotary = {kernels::rotary_frequencies(10000, 8), 64}});
  const Tensor x = random_tensor({2, 37, kWidth});
  expect_same_layer(parameters, [&] {
    return nn::in_inference() ? self_attention_by_cache(layer, x)
                              : layer(x, nn::causal_mask(37), 0.0, nullptr);
  });
}

TEST(FrozenLayers, RelativePositionsAgreeWithLibTorch) {
  nn::Parameters parameters(8);
  const nn::SelfAttention layer(parameters, "a",
                                {.width = kWidth,
                                 .heads = 4,
                                 .head_size = 10,
                                 .scale = 1,
                                 .bias = false,
                                 .init = kNormal,
                                 .out_init = kNormal});
  nn::RelativePositionOptions options{.heads = 4, .buckets = 8, .max_distance = 12};
  const nn::RelativePositions before(parameters, "before", options);
  options.both_directions = true;
  const nn::RelativePositions both(parameters, "both", options);
  const Tensor x = random_tensor({2, 37, kWidth});
  expect_same_layer(parameters, [&] {
    return nn::in_inference() ? self_attention_by_cache(layer, x, before.bias())
                              : layer(x, nn::causal_mask(37), 0.0, nullptr, before.bias());
  });
  const Tensor alone = x.narrow(0, 1, 1);
  expect_same_layer(parameters, [&] { return layer(alone, {}, 0.0, nullptr, both.bias()); });
}

// By hand from section 2.1 of the paper and its published code: with 8 buckets a direction, offsets
// up to 3 have their own, and 4 more share the distances from 4 to 12 by their logarithm, borders
// at 4 * 3^(k/4) = 5.26, 6.93 and 9.12.
TEST(RelativePositions, ShareBucketsByTheLogarithm) {
  nn::Parameters parameters(8);
  const nn::RelativePositions positions(
      parameters, "a", {.heads = 1, .buckets = 16, .max_distance = 12, .both_directions = true});
  const at::NoGradGuard no_gradient;
  positions.weight.copy_(at::arange(16, at::kFloat).unsqueeze(1));  // each its own number
  const Tensor found = positions.bias().of(16);                     // [1, query, key]
  const std::vector<float> before = {0, 1, 2, 3, 4, 4, 5, 6, 6, 6, 7, 7, 7, 7, 7, 7};
  for (std::int64_t distance = 0; distance < 16; ++distance) {
    const float bucket = before[static_cast<std::size_t>(distance)];
    EXPECT_EQ(found[0][15][15 - distance].item<float>(), bucket) << "key before, " << distance;
    if (distance > 0) {
      EXPECT_EQ(found[0][0][distance].item<float>(), bucket + 8) << "key behind, " << distance;
    }
  }
}

TEST(FrozenLayers, CrossAttentionAgreesWithLibTorch) {
  nn::Parameters parameters(5);
  const nn::CrossAttention layer(parameters, "a", {.width = kWidth, .heads = 4, .init = kNormal});
  const Tensor memory = random_tensor({1, 21, kWidth}, 8);
  const Tensor x = random_tensor({1, 3, kWidth});
  expect_same_layer(parameters, [&] {
    if (!nn::in_inference()) return layer(x, memory, {}, 0.0, nullptr);
    kernels::KvCache cache = nn::make_cache(1, layer.shape);
    cache.extend(21);
    const nn::CachePart whole{&cache, 21};
    layer.store(memory.squeeze(0), {&whole, 1}, 0);
    const nn::CachePart part{&cache, 3};
    return layer.cached(x.squeeze(0), {&part, 1}, 0).unsqueeze(0);
  });
}

TEST(FrozenLayers, RecurrentModelsAttentionAgreesWithLibTorch) {
  nn::Parameters parameters(6);
  const nn::BahdanauAttention bahdanau(parameters, "a", kWidth, 80, 40);
  const nn::LuongAttention luong(parameters, "b", kWidth, 80);
  const Tensor memory = random_tensor({1, 19, 80}, 8);
  const Tensor state = random_tensor({1, kWidth});
  const auto by_cache = [&](const auto& layer) {
    kernels::KvCache cache = nn::make_memory(layer.key(memory).squeeze(0), memory.squeeze(0));
    const nn::CachePart part{&cache, 1};
    return layer.cached(state, {&part, 1});
  };
  expect_same_layer(parameters, [&] {
    if (nn::in_inference()) return by_cache(bahdanau);
    return at::matmul(bahdanau(state, bahdanau.key(memory), {}).unsqueeze(1), memory).squeeze(1);
  });
  expect_same_layer(parameters, [&] {
    if (nn::in_inference()) return by_cache(luong);
    return at::matmul(luong(state.unsqueeze(1), luong.key(memory), {}), memory).squeeze(1);
  });
}

TEST(FrozenLayers, RecurrentStacksAgreeWithLibTorch) {
  for (const auto cell : {nn::Cell::rnn, nn::Cell::lstm, nn::Cell::gru}) {
    for (const bool bidirectional : {false, true}) {
      nn::Parameters parameters(7);
      const nn::Recurrent layer(parameters, "a", {cell, kWidth, 32, 2, bidirectional});
      const Tensor x = random_tensor({3, 11, kWidth});
      const Tensor lengths = at::tensor({7, 11, 1}, at::kLong);
      expect_same_layer(parameters,
                        [&] { return layer.forward(x, layer.zero_state(3), 0.0).output; });
      expect_same_layer(parameters, [&] { return layer.forward_ragged(x, lengths, 0.0).output; });
      expect_same_layer(parameters,
                        [&] { return layer.forward_ragged(x, lengths, 0.0).state.hidden; });
      if (cell == nn::Cell::lstm)
        expect_same_layer(parameters,
                          [&] { return layer.forward_ragged(x, lengths, 0.0).state.cell; });
    }
  }
}

}  // namespace
}  // namespace trellis
