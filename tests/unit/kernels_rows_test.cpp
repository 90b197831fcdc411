/// Norms and softmax: hand-derived values, the stated order of summation to the bit, and closeness
/// to the exact values.
#include <algorithm>
#include <array>
#include <functional>
#include <limits>

#include "core/kernels/activation.hpp"
#include "core/kernels/embedding.hpp"
#include "core/kernels/normalization.hpp"
#include "tests/unit/kernels_fixture.hpp"

namespace trellis::tests {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr double kUnit = 0x1p-24;

using Row = std::vector<float>;

Row layer_norm(const Row& in, const Row& weight, const Row& bias, float epsilon) {
  Row out(in.size());
  const std::size_t rows = in.size() / weight.size();
  kernels::layer_norm({in.data(), rows, weight.size()}, weight, bias, epsilon,
                      {out.data(), rows, weight.size()});
  return out;
}

Row rms_norm(const Row& in, const Row& weight, float epsilon) {
  Row out(in.size());
  const std::size_t rows = in.size() / weight.size();
  kernels::rms_norm({in.data(), rows, weight.size()}, weight, epsilon,
                    {out.data(), rows, weight.size()});
  return out;
}

Row softmax(const Row& in) {
  Row out(in.size());
  kernels::softmax({in.data(), 1, in.size()}, in.size(), {out.data(), 1, in.size()});
  return out;
}

// The stated order of summation, in plain C++.
float lane_sum(std::size_t size, const std::function<float(std::size_t, float)>& take) {
  std::array<float, 16> lanes{};
  for (std::size_t i = 0; i < size; ++i) lanes[i % 16] = take(i, lanes[i % 16]);
  for (std::size_t half = 8; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

TEST(LayerNorm, ComputesByHand) {
  // Mean 2.5, variance 1.25; with epsilon 0.3125 the divisor is 1.25.
  in_every_target([] {
    EXPECT_THAT(layer_norm({1, 2, 3, 4}, {1, 1, 2, 1}, {0, 0, 0, 10}, 0.3125F),
                testing::ElementsAre(-1.2F, -0.4F, 0.8F, 11.2F));
    EXPECT_THAT(layer_norm({3, 3, 3}, {1, 1, 1}, {}, 1e-5F), testing::ElementsAre(0, 0, 0));
  });
}

TEST(LayerNorm, HasTheBitsOfItsDefinition) {
  for (const std::size_t size : {1U, 15U, 16U, 17U, 64U, 576U, 577U}) {
    const Row x = numbers(size, 1);
    const Row weight = numbers(size, 2);
    const Row bias = numbers(size, 3);
    const auto n = static_cast<float>(size);
    const float mean = lane_sum(size, [&](std::size_t i, float sum) { return sum + x[i]; }) / n;
    const float variance =
        lane_sum(size, [&](std::size_t i,
                           float sum) { return std::fma(x[i] - mean, x[i] - mean, sum); }) /
        n;
    const float scale = 1.0F / std::sqrt(variance + 1e-5F);
    Row expected(size);
    for (std::size_t i = 0; i < size; ++i) {
      expected[i] = std::fma((x[i] - mean) * scale, weight[i], bias[i]);
    }
    in_every_target([&] {
      if (kernels::fused_multiply_add()) {
        expect_same_bits(layer_norm(x, weight, bias, 1e-5F), expected);
      }
    });
  }
}

TEST(RmsNorm, ComputesByHand) {
  // Mean of squares 12.5, epsilon 3.5: the divisor is 4.
  in_every_target([] {
    EXPECT_THAT(rms_norm({3, 4}, {1, -2}, 3.5F), testing::ElementsAre(0.75F, -2));
    EXPECT_THAT(rms_norm({0, 0, 0}, {1, 1, 1}, 1e-5F), testing::ElementsAre(0, 0, 0));
  });
}

TEST(RmsNorm, HasTheBitsOfItsDefinitionInEveryRow) {
  for (const std::size_t size : {1U, 16U, 19U, 576U}) {
    const Row x = numbers(3 * size, 1);
    const Row weight = numbers(size, 2);
    Row expected(3 * size);
    for (std::size_t r = 0; r < 3; ++r) {
      const float* row = &x[r * size];
      const float squares =
          lane_sum(size, [&](std::size_t i, float sum) { return std::fma(row[i], row[i], sum); });
      const float scale = 1.0F / std::sqrt(squares / static_cast<float>(size) + 1e-6F);
      for (std::size_t i = 0; i < size; ++i) {
        expected[r * size + i] = std::fma(row[i] * scale, weight[i], 0.0F);
      }
    }
    in_every_target([&] {
      if (kernels::fused_multiply_add()) expect_same_bits(rms_norm(x, weight, 1e-6F), expected);
    });
  }
}

TEST(Norms, StayCloseToTheExactValues) {
  const std::size_t size = 1000;
  const Row x = numbers(size, 4);
  const Row ones(size, 1.0F);
  double mean = 0;
  double squares = 0;
  for (const double value : x) mean += value / size;
  for (const double value : x) squares += value * value / size;
  const double deviation = std::sqrt(squares - mean * mean + 1e-5);
  // A sum of size / 16 + 5 roundings, doubled for the squares' own rounding and the mean's, then a
  // handful for division, root, and product, all relative to values of at most 1 / deviation.
  const double bound = (2.0 * (size / 16.0 + 5) + 6) * kUnit / deviation;
  in_every_target([&] {
    const Row normed = layer_norm(x, ones, {}, 1e-5F);
    const Row scaled = rms_norm(x, ones, 1e-5F);
    for (std::size_t i = 0; i < size; ++i) {
      EXPECT_NEAR(normed[i], (x[i] - mean) / deviation, bound);
      EXPECT_NEAR(scaled[i], x[i] / std::sqrt(squares + 1e-5), bound);
    }
  });
}

TEST(Softmax, ComputesByHand) {
  in_every_target([] {
    EXPECT_THAT(softmax({5, 5, 5, 5}), testing::Each(0.25F));
    EXPECT_THAT(softmax({7}), testing::ElementsAre(1));
    EXPECT_THAT(softmax({0, -kInfinity, 0}), testing::ElementsAre(0.5F, 0, 0.5F));
    EXPECT_THAT(softmax({1e30F, -1e30F}), testing::ElementsAre(1, 0));
    EXPECT_THAT(softmax({0, NAN, 0}), testing::Each(testing::IsNan()));
    EXPECT_THAT(softmax({0, kInfinity}), testing::Each(testing::IsNan()));
    EXPECT_THAT(softmax({-kInfinity, -kInfinity}), testing::Each(testing::IsNan()));
  });
}

TEST(Softmax, HasTheBitsOfItsDefinition) {
  for (const std::size_t size : {1U, 5U, 16U, 33U, 500U}) {
    const Row x = numbers(size, 1);
    const float maximum = *std::max_element(x.begin(), x.end());
    Row powers(size);
    for (std::size_t i = 0; i < size; ++i) powers[i] = x[i] - maximum;
    kernels::use_vector_target("scalar");
    kernels::apply(kernels::Function::exp, powers, powers);
    const float sum =
        lane_sum(size, [&](std::size_t i, float so_far) { return so_far + powers[i]; });
    for (float& power : powers) power /= sum;
    in_every_target([&] {
      if (kernels::fused_multiply_add()) expect_same_bits(softmax(x), powers);
    });
  }
}

TEST(Softmax, StaysWithinItsErrorBound) {
  for (const std::size_t size : {10U, 1000U, 50'000U}) {
    Row x = numbers(size, 2);
    for (float& value : x) value = std::round(value * 64) / 8;  // exact differences
    double sum = 0;
    const float maximum = *std::max_element(x.begin(), x.end());
    for (const float value : x) sum += std::exp(static_cast<double>(value) - maximum);
    const double bound = (static_cast<double>(size) / 16 + 9) * kUnit;
    in_every_target([&] {
      const Row out = softmax(x);
      for (std::size_t i = 0; i < size; ++i) {
        const double exact = std::exp(static_cast<double>(x[i]) - maximum) / sum;
        ASSERT_LE(std::abs(out[i] - exact), bound * exact) << i;
      }
    });
  }
}

TEST(Embedding, CopiesRowsOfATableAndOfATiedHead) {
  const Row table = numbers(5 * 35, 1);
  const kernels::PackedWeights packed(table, 5, 35);
  const std::vector<std::int32_t> tokens = {4, 0, 4};
  Row from_table(3 * 35);
  Row from_head(3 * 35);
  kernels::embed({table.data(), 5, 35}, 35, tokens, {from_table.data(), 3, 35});
  kernels::embed(packed, tokens, {from_head.data(), 3, 35});
  for (std::size_t i = 0; i < 35; ++i) {
    EXPECT_EQ(from_table[i], table[4 * 35 + i]);
    EXPECT_EQ(from_table[35 + i], table[i]);
    EXPECT_EQ(from_table[70 + i], table[4 * 35 + i]);
  }
  expect_same_bits(from_head, from_table);
}

}  // namespace
}  // namespace trellis::tests
