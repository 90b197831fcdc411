/// Intervals, paired tests and what is made of them, with answers derived by hand.
#include "core/metrics/statistics.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "core/metrics/bleu.hpp"
#include "core/metrics/hypothesis_tests.hpp"
#include "core/metrics/weighted_sums.hpp"

namespace trellis::metrics {
namespace {

using Texts = std::vector<std::string>;

std::vector<SampleValue> values(std::initializer_list<std::optional<double>> numbers) {
  std::vector<SampleValue> samples;
  for (const auto& number : numbers) samples.push_back({number, {}});
  return samples;
}

TEST(Percentile, InterpolatesBetweenOrderStatistics) {
  const std::vector<double> sorted{10, 20, 30, 40, 50};
  EXPECT_EQ(percentile(sorted, 0), 10);
  EXPECT_EQ(percentile(sorted, 1), 50);
  EXPECT_NEAR(percentile(sorted, 0.6), 34, 1e-12);
  EXPECT_EQ(percentile(std::vector<double>{7}, 0.3), 7);
}

TEST(Bootstrap, TakesTheIndicesDrawn) {
  const auto samples = values({1, std::nullopt, 3, 5});
  const auto resampled =
      bootstrap_values("exact_match", samples, 2, [](std::span<std::uint32_t> indices) {
        ASSERT_EQ(indices.size(), 3U);
        indices[0] = 0;
        indices[1] = 2;
        indices[2] = 2;
      });
  EXPECT_EQ(resampled, (std::vector<double>{11.0 / 3, 11.0 / 3}));
}

TEST(Bootstrap, IntervalIsTheSameEveryTimeAndHoldsTheValue) {
  std::vector<SampleValue> samples;
  for (int i = 0; i < 100; ++i) samples.push_back({i % 4 == 0 ? 1.0 : 0.0, {}});
  const auto interval = bootstrap_interval("exact_match", samples);
  const auto again = bootstrap_interval("exact_match", samples);
  EXPECT_EQ(interval->low, again->low);
  EXPECT_EQ(interval->high, again->high);
  // A share of 1/4 of 100 has a standard deviation of sqrt(0.25 * 0.75 / 100) = 0.0433, so the
  // interval is near 0.25 -+ 1.96 * 0.0433; a quarter of that is far beyond its noise.
  EXPECT_NEAR(interval->low, 0.165, 0.02);
  EXPECT_NEAR(interval->high, 0.335, 0.02);
  const auto other = bootstrap_interval("exact_match", samples, {1000, 1, 0.5});
  EXPECT_GT(other->low, interval->low);
  EXPECT_LT(other->high, interval->high);
}

TEST(Bootstrap, NeedsTwoSamplesWithAValue) {
  EXPECT_FALSE(bootstrap_interval("exact_match", values({1, std::nullopt})));
  const auto constant = bootstrap_interval("exact_match", values({1, 1, 1}));
  EXPECT_EQ(constant->low, 1);
  EXPECT_EQ(constant->high, 1);
}

TEST(PairedTest, FindsNoDifferenceBetweenASystemAndItself) {
  const auto samples = values({0.1, 0.7, 0.3, 0.9, 0.2});
  const auto test = paired_test("f1", samples, samples);
  EXPECT_EQ(test->difference, 0);
  EXPECT_EQ(test->p_value, 1);
  EXPECT_EQ(test->interval.low, 0);
  EXPECT_EQ(test->interval.high, 0);
}

TEST(PairedTest, LeavesOutPairsWithoutBothValues) {
  const auto test =
      paired_test("f1", values({1, std::nullopt, 0, 1}), values({0, 1, 1, std::nullopt}));
  EXPECT_EQ(test->n, 2U);
  EXPECT_EQ(test->difference, 0);
  EXPECT_FALSE(paired_test("f1", values({1, std::nullopt}), values({1, 1})));
}

TEST(PairedTest, ApproachesTheExactRandomization) {
  // All eight pairs differ by two in the same direction: of 2^8 assignments of signs, 2 are as
  // extreme, so p = 1/128.
  const auto test = paired_test("f1", values({0, 0, 0, 0, 0, 0, 0, 0}),
                                values({2, 2, 2, 2, 2, 2, 2, 2}), {20000, 3, 0.95});
  EXPECT_EQ(test->difference, 2);
  EXPECT_EQ(test->interval.low, 2);
  // Standard deviation sqrt(p / 20000) = 0.0006; five of them.
  EXPECT_NEAR(test->p_value, 1.0 / 128, 0.003);
  const auto reversed = paired_test("f1", values({2, 2, 2, 2, 2, 2, 2, 2}),
                                    values({0, 0, 0, 0, 0, 0, 0, 0}), {20000, 3, 0.95});
  EXPECT_EQ(reversed->difference, -2);
  EXPECT_EQ(reversed->p_value, test->p_value);
}

TEST(PairedTest, ComparesCorpusValuesOfStatistics) {
  std::vector<SampleValue> worse;
  std::vector<SampleValue> better;
  for (int i = 0; i < 20; ++i) {
    const Texts reference{"a small cat sat on the old mat " + std::to_string(i)};
    worse.push_back(bleu("a small dog sat on the mat", reference));
    better.push_back(bleu(reference.front(), reference));
  }
  const auto test = paired_test("bleu", worse, better);
  EXPECT_NEAR(test->difference, 100 - *corpus_value("bleu", worse), 1e-9);
  EXPECT_EQ(test->p_value, 1.0 / 1001);
  EXPECT_GT(test->interval.low, 0);
}

TEST(PairedTest, OfPassOrFailIsMcNemars) {
  // One pair only the baseline passes, eight only the candidate: 2 * (1 + 9) / 2^9.
  const auto baseline = values({1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0});
  const auto candidate = values({0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0});
  const auto test = paired_test("passes", baseline, candidate);
  EXPECT_EQ(test->kind, PairedTestKind::mcnemar);
  EXPECT_NEAR(test->p_value, 20.0 / 512, 1e-15);
  EXPECT_EQ(paired_test("f1", values({0, 1}), values({1, 0.5}))->kind,
            PairedTestKind::randomization);
}

TEST(PairedTest, EffectSizeIsMeanOverDeviationOfTheDifferences) {
  // Differences 1, 2, 3: mean 2, standard deviation 1.
  const auto test = paired_test("f1", values({0.5, 0.5, 0.5}), values({1.5, 2.5, 3.5}));
  EXPECT_NEAR(*test->effect_size, 2, 1e-12);
  EXPECT_FALSE(paired_test("f1", values({0, 1}), values({0.5, 1.5}))->effect_size);
}

TEST(Clusters, AreDrawnWhole) {
  const auto samples = values({1, 0, std::nullopt, 1, 1});
  const std::vector<std::uint64_t> clusters{7, 7, 8, 9, 9};
  const auto resampled = bootstrap_values(
      "f1", samples, 2,
      [call = 0](std::span<std::uint32_t> indices) mutable {
        ASSERT_EQ(indices.size(), 2U);  // the example without a value is left out
        indices[0] = indices[1] = static_cast<std::uint32_t>(call++);
      },
      clusters);
  EXPECT_EQ(resampled, (std::vector<double>{0.5, 1}));
}

TEST(Clusters, MakeCopiesOfASampleNoEvidence) {
  // Four examples, each told five times over: the evidence is that of four.
  std::vector<SampleValue> baseline;
  std::vector<SampleValue> candidate;
  std::vector<std::uint64_t> clusters;
  for (std::uint64_t i = 0; i < 20; ++i) {
    baseline.push_back({0.25, {}});
    candidate.push_back({0.5 + 0.125 * static_cast<double>(i / 5), {}});
    clusters.push_back(i / 5);
  }
  const auto test = paired_test("f1", baseline, candidate, {20000, 3, 0.95}, clusters);
  EXPECT_EQ(test->n, 20U);
  // Of 2^4 assignments of signs, 2 are as extreme. Standard deviation 0.0024; five of them.
  EXPECT_NEAR(test->p_value, 2.0 / 16, 0.012);
  EXPECT_LT(paired_test("f1", baseline, candidate, {20000, 3, 0.95})->p_value, 0.001);
  EXPECT_EQ(paired_test("passes", values({0, 0, 0, 0}), values({1, 1, 1, 0}), {},
                        std::vector<std::uint64_t>{0, 0, 1, 1})
                ->kind,
            PairedTestKind::randomization);
}

TEST(McNemar, IsTheTwoSidedSignTest) {
  EXPECT_EQ(mcnemar_p_value(0, 0), 1);
  EXPECT_EQ(mcnemar_p_value(3, 3), 1);
  EXPECT_NEAR(mcnemar_p_value(0, 8), 2.0 / 256, 1e-15);
  EXPECT_EQ(mcnemar_p_value(5, 900), mcnemar_p_value(900, 5));
}

TEST(Holm, MultipliesByTheTestsThatAreLeft) {
  const auto adjusted = holm_adjusted(std::vector<double>{0.01, 0.04, 0.03, 0.9});
  EXPECT_NEAR(adjusted[0], 0.04, 1e-15);
  EXPECT_NEAR(adjusted[1], 0.09, 1e-15);  // never below a smaller p-value's
  EXPECT_NEAR(adjusted[2], 0.09, 1e-15);
  EXPECT_NEAR(adjusted[3], 0.9, 1e-15);
  EXPECT_TRUE(holm_adjusted({}).empty());
}

TEST(Power, AsksForMorePairsTheSmallerTheEffect) {
  // ((1.959964 + 0.841621) / 0.5)^2 = 31.4
  EXPECT_EQ(pairs_for_power(0.5, 0.8, 0.05), 32);
  EXPECT_EQ(pairs_for_power(-0.5, 0.8, 0.05), 32);
  EXPECT_EQ(pairs_for_power(0.05, 0.8, 0.05), 3140);
  EXPECT_FALSE(pairs_for_power(0, 0.8, 0.05));
}

TEST(LetterGroups, ShareALetterWhereNothingTellsThemApart) {
  const auto none = [](std::size_t, std::size_t) { return false; };
  const auto all = [](std::size_t, std::size_t) { return true; };
  const auto ends = [](std::size_t i, std::size_t j) { return i == 0 && j == 2; };
  EXPECT_EQ(letter_groups(3, none), (Texts{"a", "a", "a"}));
  EXPECT_EQ(letter_groups(3, all), (Texts{"a", "b", "c"}));
  EXPECT_EQ(letter_groups(3, ends), (Texts{"a", "ab", "b"}));
  // The second differs from both neighbours, which do not differ from each other.
  const auto middle = [](std::size_t i, std::size_t j) { return i == 1 || j == 1; };
  EXPECT_EQ(letter_groups(3, middle), (Texts{"a", "b", "a"}));
  EXPECT_EQ(letter_groups(28, all).back(), "ab");
  EXPECT_TRUE(letter_groups(0, all).empty());
}

TEST(WeightedSums, AddRowsByTheirWeights) {
  const WeightedSums rows(std::vector<double>{1, 10, 2, 20, 3, 30}, 2);
  EXPECT_EQ(rows.count(), 3U);
  EXPECT_EQ(rows.weights_size(), 8U);
  std::vector<double> weights{2, 0, 1, 0, 0, 0, 0, 0};
  std::vector<double> sums(2);
  rows.sum(weights, sums);
  EXPECT_EQ(sums, (std::vector<double>{5, 50}));
  EXPECT_EQ(rows.at(1, 1), 20);
}

}  // namespace
}  // namespace trellis::metrics
