/// Distributions, selection and nucleus in every vector target, against their definitions written
/// out in plain loops.
#include <algorithm>
#include <array>
#include <limits>
#include <numeric>

#include "core/kernels/distribution.hpp"
#include "core/kernels/elementary.hpp"
#include "core/kernels/nucleus.hpp"
#include "core/kernels/selection.hpp"
#include "tests/unit/kernels_fixture.hpp"

namespace trellis::tests {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Logits of many shapes: flat, peaked, with equals, with forbidden tokens, and of sizes around the
// widths of vectors.
std::vector<std::vector<float>> many_logits() {
  std::vector<std::vector<float>> all;
  std::mt19937 engine(5);
  const auto uniform = [&] { return static_cast<float>(engine() >> 8) * 0x1p-24F; };
  for (const std::size_t size :
       {1U, 2U, 7U, 8U, 9U, 16U, 31U, 33U, 64U, 100U, 255U, 1000U, 5000U}) {
    for (const float spread : {0.0F, 1e-6F, 0.1F, 1.0F, 12.0F, 90.0F, 2000.0F}) {
      std::vector<float> logits(size);
      for (float& logit : logits) logit = (uniform() + uniform() + uniform() - 1.5F) * spread;
      all.push_back(logits);
      for (float& logit : logits) logit = std::round(logit * 4) / 4;  // many equals
      all.push_back(logits);
      for (std::size_t i = 0; i + 1 < size; ++i) {
        if (engine() % 3 != 0) logits[i] = -kInfinity;
      }
      all.push_back(logits);
    }
  }
  return all;
}

// Eight interleaved sums, then a fixed tree.
kernels::Distribution distribution_of(const std::vector<float>& logits) {
  const double maximum = *std::max_element(logits.begin(), logits.end());
  std::array<double, 8> weights{};
  std::array<double, 8> products{};
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double distance = static_cast<double>(logits[i]) - maximum;
    const double weight = distance < -708 ? 0 : kernels::exponential(distance);
    weights[i % 8] += weight;
    products[i % 8] += weight * std::max(distance, -708.0);
  }
  const auto tree = [](const std::array<double, 8>& x) {
    return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));
  };
  const double log_of_sum = kernels::logarithm(tree(weights));
  return {maximum + log_of_sum, std::max(log_of_sum - tree(products) / tree(weights), 0.0)};
}

TEST(Distribution, HasTheBitsOfItsDefinitionInEveryTarget) {
  const auto cases = many_logits();
  in_every_target([&] {
    for (const auto& logits : cases) {
      const auto expected = distribution_of(logits);
      const auto actual = kernels::describe_distribution(logits);
      ASSERT_EQ(actual.log_sum_exp, expected.log_sum_exp) << logits.size();
      ASSERT_EQ(actual.entropy, expected.entropy) << logits.size();
      ASSERT_EQ(kernels::log_sum_exp(logits), expected.log_sum_exp);
      std::vector<float> logs(logits.size());
      std::vector<double> probabilities(logits.size());
      kernels::log_softmax(logits, logs);
      kernels::softmax(logits, probabilities);
      for (std::size_t i = 0; i < logits.size(); ++i) {
        const double distance = static_cast<double>(logits[i]) - expected.log_sum_exp;
        ASSERT_EQ(logs[i], static_cast<float>(distance));
        ASSERT_EQ(probabilities[i], distance < -708 ? 0 : kernels::exponential(distance));
      }
    }
  });
}

TEST(Distribution, FindsWhatIsNone) {
  in_every_target([] {
    for (const std::size_t size : {1U, 5U, 16U, 40U}) {
      for (const std::size_t place : {std::size_t{0}, size / 2, size - 1}) {
        std::vector<float> logits(size, 0.5F);
        EXPECT_TRUE(kernels::has_choice(logits));
        for (const float bad : {NAN, kInfinity}) {
          logits[place] = bad;
          EXPECT_FALSE(kernels::has_choice(logits));
          EXPECT_TRUE(std::isnan(kernels::log_sum_exp(logits)));
        }
        std::fill(logits.begin(), logits.end(), -kInfinity);
        EXPECT_FALSE(kernels::has_choice(logits));
        EXPECT_EQ(kernels::log_sum_exp(logits), -kInfinity);
        logits[place] = -3;
        EXPECT_TRUE(kernels::has_choice(logits));
      }
    }
  });
}

TEST(Selection, EqualsSorting) {
  const auto cases = many_logits();
  in_every_target([&] {
    std::vector<std::uint32_t> listed;
    std::vector<float> scratch;
    for (const auto& values : cases) {
      std::vector<std::uint32_t> order(values.size());
      std::iota(order.begin(), order.end(), 0U);
      std::stable_sort(order.begin(), order.end(),
                       [&](auto a, auto b) { return values[a] > values[b]; });
      ASSERT_EQ(kernels::argmax(values), order.front());
      for (const std::size_t k : {1U, 2U, 5U, 50U, 64U, 65U, 999U}) {
        std::vector<std::uint32_t> best(order.begin(), order.begin() + std::min(k, order.size()));
        std::erase_if(best, [&](auto i) { return values[i] == -kInfinity; });
        kernels::top_k(values, k, listed);
        ASSERT_EQ(listed, best) << k << " of " << values.size();
        if (k > values.size()) continue;
        ASSERT_EQ(kernels::kth_greatest(values, k, scratch), values[order[k - 1]])
            << k << " of " << values.size();
      }
      const std::size_t middle = order[values.size() / 2];
      const auto greater =
          std::count_if(values.begin(), values.end(), [&](float x) { return x > values[middle]; });
      ASSERT_EQ(kernels::rank_of(values, middle), static_cast<std::uint32_t>(greater) + 1);
    }
  });
}

TEST(Selection, CountsNanAsGreaterThanAllAndNeverChoosesIt) {
  in_every_target([] {
    for (const std::size_t size : {40U, 1000U}) {
      std::vector<float> values(size);
      std::iota(values.begin(), values.end(), 0.0F);
      for (const std::size_t place : {3U, 17U, 18U, 39U}) values[place] = NAN;
      std::vector<float> scratch;
      EXPECT_TRUE(std::isnan(kernels::kth_greatest(values, 4, scratch)));
      const auto greatest = static_cast<float>(size == 40 ? 38 : size - 1);
      EXPECT_EQ(kernels::kth_greatest(values, 5, scratch), greatest);
      EXPECT_EQ(kernels::kth_greatest(values, size, scratch), 0);
      EXPECT_EQ(kernels::argmax(values), static_cast<std::size_t>(greatest));
      const std::vector<float> none(size, NAN);
      EXPECT_TRUE(std::isnan(kernels::kth_greatest(none, size, scratch)));
      EXPECT_EQ(kernels::argmax(none), 0U);
    }
  });
}

TEST(Nucleus, EqualsSorting) {
  const auto cases = many_logits();
  in_every_target([&] {
    kernels::NucleusScratch scratch;
    for (const auto& logits : cases) {
      for (const double mass : {1e-9, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.999999, 1.0}) {
        for (const std::size_t at_least : {0U, 1U, 3U, 40U}) {
          auto expected = logits;
          auto actual = logits;
          kernels::keep_nucleus_by_sorting(expected, mass, at_least);
          kernels::keep_nucleus(actual, mass, at_least, scratch);
          ASSERT_EQ(actual, expected) << mass << ", " << at_least << ", " << logits.size();
        }
      }
    }
  });
}

TEST(Typical, EqualsSorting) {
  const auto cases = many_logits();
  in_every_target([&] {
    kernels::NucleusScratch scratch;
    for (const auto& logits : cases) {
      for (const double mass : {1e-9, 0.1, 0.5, 0.9, 0.999999}) {
        for (const std::size_t at_least : {1U, 40U}) {
          auto expected = logits;
          auto actual = logits;
          kernels::keep_typical_by_sorting(expected, mass, at_least);
          kernels::keep_typical(actual, mass, at_least, scratch);
          ASSERT_EQ(actual, expected) << mass << ", " << at_least << ", " << logits.size();
        }
      }
    }
  });
}

TEST(Typical, KeepsWhatIsNearestToTheEntropy) {
  // Probabilities 0.6, 0.2, 0.1, 0.1: the entropy is 1.089 nats; the surprises 0.511, 1.609, 2.303
  // are 0.578, 0.520 and 1.214 away. So the second comes first, and 0.2 is below a mass of 0.7.
  const std::vector<float> logits = {std::log(0.6F), std::log(0.2F), std::log(0.1F),
                                     std::log(0.1F)};
  kernels::NucleusScratch scratch;
  auto kept = logits;
  kernels::keep_typical(kept, 0.15, 1, scratch);
  EXPECT_EQ(kept, (std::vector<float>{-kInfinity, logits[1], -kInfinity, -kInfinity}));
  kept = logits;
  kernels::keep_typical(kept, 0.7, 1, scratch);
  EXPECT_EQ(kept, (std::vector<float>{logits[0], logits[1], -kInfinity, -kInfinity}));
  kept = logits;
  kernels::keep_typical(kept, 0.85, 1, scratch);
  EXPECT_EQ(kept, logits) << "equals stay together";
}

TEST(Nucleus, DecidesByTheSumWhereTheBorderIsExact) {
  // Probabilities of a half, a quarter, an eighth ...: a mass of 0.75 is reached by two tokens.
  std::vector<float> logits;
  for (int i = 1; i <= 20; ++i) logits.push_back(static_cast<float>(i * -std::log(2.0)));
  logits.push_back(logits.back());
  in_every_target([&] {
    kernels::NucleusScratch scratch;
    for (double mass = 0.5; mass < 1; mass += (1 - mass) / 2) {
      auto expected = logits;
      auto actual = logits;
      kernels::keep_nucleus_by_sorting(expected, mass, 1);
      kernels::keep_nucleus(actual, mass, 1, scratch);
      EXPECT_EQ(actual, expected) << mass;
    }
  });
}

TEST(Nucleus, LeavesWhatIsNoDistribution) {
  kernels::NucleusScratch scratch;
  for (const float bad : {NAN, kInfinity}) {
    std::vector<float> logits = {1, bad, 2};
    kernels::keep_nucleus(logits, 0.5, 1, scratch);
    expect_same_bits(logits, {1, bad, 2});
  }
}

}  // namespace
}  // namespace trellis::tests
