/// Calibration, exposure bias, shares of words and BERTScore, by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/metrics/bert_score.hpp"
#include "core/metrics/calibration.hpp"
#include "core/metrics/expert_use.hpp"
#include "core/metrics/exposure.hpp"
#include "core/metrics/mauve.hpp"
#include "core/metrics/word_groups.hpp"

namespace trellis::metrics {
namespace {

using Flags = std::vector<std::uint8_t>;

TEST(CalibrationError, ByHand) {
  // Bins of 1/15. Of four guesses two share a bin, (0.6, 0.667]: one of them is right, their mean
  // confidence is 0.63. |0.5 - 0.63| 2/4 + |1 - 0.95| 1/4 + |0 - 0.1| 1/4 = 0.1025.
  const auto error =
      calibration_error(std::vector<double>{0.61, 0.65, 0.95, 0.1}, Flags{1, 0, 1, 0});
  EXPECT_NEAR(*error.value, 0.1025, 1e-12);
  EXPECT_EQ(error.statistics.size(), kCalibrationStatistics);
}

TEST(CalibrationError, IsZeroWhereConfidenceIsAccuracy) {
  std::vector<double> confidences;
  Flags right;
  for (int i = 0; i < 10; ++i) {
    confidences.push_back(0.7);
    right.push_back(i < 7 ? 1 : 0);
  }
  EXPECT_NEAR(*calibration_error(confidences, right).value, 0, 1e-12);
  EXPECT_EQ(*calibration_error(std::vector<double>{1.0}, Flags{1}).value, 0);
  EXPECT_EQ(*calibration_error(std::vector<double>{1.0}, Flags{0}).value, 1);
  EXPECT_EQ(calibration_error({}, {}).value, std::nullopt);
}

TEST(CalibrationError, BoundsOfBinsBelongToTheLowerBin) {
  const auto lower = calibration_error(std::vector<double>{1.0 / 15}, Flags{0}).statistics;
  EXPECT_EQ(lower[0], 1);
  const auto upper = calibration_error(std::vector<double>{1.0 / 15 + 1e-9}, Flags{0}).statistics;
  EXPECT_EQ(upper[3], 1);
}

TEST(CalibrationError, OfManyIsThatOfTheirSums) {
  // Too sure in one sample, not sure enough in the other: together they are calibrated.
  const auto sure = calibration_error(std::vector<double>{0.5, 0.5}, Flags{0, 0});
  const auto unsure = calibration_error(std::vector<double>{0.5, 0.5}, Flags{1, 1});
  EXPECT_EQ(*sure.value, 0.5);
  EXPECT_EQ(corpus_value("calibration_error", std::vector{sure, unsure}), 0);
}

TEST(ExposureGap, ByHand) {
  // Forced 4 of 5 places, free 1 of 5.
  const auto gap = exposure_gap(Flags{1, 1, 0, 1, 1}, Flags{1, 0, 0, 0, 0});
  EXPECT_DOUBLE_EQ(*gap.value, 0.6);
  // Places 1, 2, 3 and 4, 5 to 8.
  EXPECT_THAT(std::vector(gap.statistics.begin(), gap.statistics.begin() + 12),
              testing::ElementsAre(1, 1, 1, 1, 1, 0, 2, 1, 0, 1, 1, 0));
  EXPECT_EQ(exposure_gap({}, {}).value, std::nullopt);
}

TEST(ExposureGap, CountsEveryPlaceOnce) {
  const auto gap = exposure_gap(Flags(100, 1), Flags(100, 0));
  std::vector<double> places;
  for (std::size_t i = 0; i < kExposureRanges.size(); ++i) {
    places.push_back(gap.statistics[3 * i]);
  }
  EXPECT_THAT(places, testing::ElementsAre(1, 1, 2, 4, 8, 16, 68));
  const auto none = exposure_gap(Flags(3, 0), Flags(3, 0));
  EXPECT_DOUBLE_EQ(*corpus_value("exposure_gap", std::vector{gap, none}), 100.0 / 103);
}

std::vector<std::uint64_t> counts_of(const WordGroups& groups, std::string_view text) {
  auto counts = groups.none();
  groups.count(text, counts);
  return counts;
}

TEST(WordGroups, CountWholeWordsWithoutCase) {
  const WordGroups groups({{"female", {"she", "her"}}, {"male", {"he", "him"}}});
  EXPECT_THAT(counts_of(groups, "She said: HER brother, he -- there."),
              testing::ElementsAre(2, 1, 3));
  EXPECT_THAT(counts_of(groups, ""), testing::ElementsAre(0, 0, 0));
}

TEST(WordGroups, KnowSeveralWordsInARowAndChinese) {
  const WordGroups groups({{"doctor", {"医生", "the doctor"}}, {"nurse", {"护士", "nurse"}}});
  EXPECT_THAT(counts_of(groups, "医生和护士。那个医生。"), testing::ElementsAre(2, 1, 3));
  EXPECT_THAT(counts_of(groups, "A doctor, the Doctor; the nurse"), testing::ElementsAre(1, 1, 2));
}

TEST(WordGroups, OfOneAreAShareOfAllWords) {
  const WordGroups groups({{"not", {"not", "no"}}});
  const auto counts = counts_of(groups, "no, it is not so");
  EXPECT_THAT(counts, testing::ElementsAre(2, 5));
  EXPECT_DOUBLE_EQ(*group_share(counts, 0).value, 0.4);
}

TEST(WordGroups, SharesOfManyAreOfTheirSums) {
  const std::vector<SampleValue> samples = {group_share({1, 3, 4}, 0), group_share({0, 0, 0}, 0),
                                            group_share({1, 0, 1}, 0)};
  EXPECT_EQ(samples[1].value, std::nullopt);
  EXPECT_DOUBLE_EQ(*corpus_value("share.female", samples), 0.4);
  EXPECT_DOUBLE_EQ(*corpus_value("share.female.references", samples), 0.4);
}

TEST(WordGroups, RefuseWhatCannotBeCounted) {
  const auto problem = [](const std::vector<WordGroup>& groups) -> std::string {
    try {
      const WordGroups made(groups);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(problem({{"a", {}}}), "the group of words \"a\" has no word");
  EXPECT_EQ(problem({{"a", {"x", "..."}}}), "the group of words \"a\": \"...\" holds no word");
  EXPECT_EQ(problem({{"a", {"x"}}, {"b", {"X"}}}),
            "the group of words \"b\": \"X\" is given before; no word may count twice");
  EXPECT_EQ(problem({{"a", {"x"}}, {"a", {"y"}}}), "the group of words \"a\" is given twice");
  EXPECT_EQ(problem({{"", {"x"}}}), "a group of words needs a name");
  EXPECT_EQ(problem({{"a.training", {"x"}}}),
            "the group of words \"a.training\": its name must not end with .training, which is a "
            "metric's");
}

using Vectors = std::vector<float>;
using Values = std::vector<double>;

TEST(BertScore, TakesTheNearestOfTheOther) {
  // Output (1,0), (0,2); reference (3,4) alone: cosines 0.6 and 0.8.
  const auto score = bert_score(Vectors{1, 0, 0, 2}, Vectors{3, 4}, 2);
  EXPECT_NEAR(score.precision, (0.6 + 0.8) / 2, 1e-12);
  EXPECT_NEAR(score.recall, 0.8, 1e-12);
  EXPECT_NEAR(score.f, 2 * 0.7 * 0.8 / 1.5, 1e-12);
  // The other way round precision and recall change places.
  const auto turned = bert_score(Vectors{3, 4}, Vectors{1, 0, 0, 2}, 2);
  EXPECT_NEAR(turned.precision, 0.8, 1e-12);
  EXPECT_NEAR(turned.recall, 0.7, 1e-12);
  EXPECT_NEAR(turned.f, score.f, 1e-12);
}

TEST(BertScore, OrderAndLengthOfVectorsDoNotMatter) {
  const auto same = bert_score(Vectors{1, 2, 3, -4, 5, 6}, Vectors{-8, 10, 12, 2, 4, 6}, 3);
  EXPECT_NEAR(same.precision, 1, 1e-12);
  EXPECT_NEAR(same.recall, 1, 1e-12);
  EXPECT_NEAR(same.f, 1, 1e-12);
  EXPECT_NEAR(bert_score(Vectors{1, 0}, Vectors{-1, 0}, 2).f, -1, 1e-12);
}

TEST(BertScore, OfNothingIsZero) {
  EXPECT_EQ(bert_score({}, Vectors{1, 2}, 2).f, 0);
  EXPECT_EQ(bert_score(Vectors{1, 2}, {}, 2).f, 0);
  EXPECT_EQ(bert_score(Vectors{0, 0}, Vectors{1, 2}, 2).f, 0);
  EXPECT_EQ(bert_score(Vectors{1, 0}, Vectors{0, 1}, 2).f, 0);
}

TEST(BertScore, OfManyIsTheirMean) {
  EXPECT_EQ(corpus_value("bertscore.bert", std::vector<SampleValue>{{0.5, {}}, {1.0, {}}}), 0.75);
}

TEST(ExpertUse, IsTheNumberOfExpertsThatWouldDoAsMuch) {
  const auto even = expert_use(Values{2, 2, 2, 2});
  EXPECT_NEAR(*even.value, 1, 1e-12);
  EXPECT_EQ(even.statistics, (Values{2, 2, 2, 2}));
  EXPECT_NEAR(*expert_use(Values{0, 5, 0, 0}).value, 0.25, 1e-12);
  // Shares 1/2, 1/4, 1/4: entropy 3/2 ln 2, so 2^1.5 experts of 3.
  EXPECT_NEAR(*expert_use(Values{4, 2, 2}).value, std::pow(2, 1.5) / 3, 1e-12);
  EXPECT_EQ(expert_use(Values{0, 0}).value, std::nullopt);
  // Samples that each use one expert use all evenly together, whatever their number of experts.
  EXPECT_NEAR(*corpus_value("experts.1", std::vector<SampleValue>{expert_use(Values{3, 0, 0}),
                                                                  expert_use(Values{0, 3, 0}),
                                                                  expert_use(Values{0, 0, 3})}),
              1, 1e-12);
  EXPECT_EQ(corpus_value("experts.1", std::vector<SampleValue>{{}}), std::nullopt);
}

TEST(Mauve, IsTheAreaBelowTheCurveOfMixtures) {
  const auto area = [](const Values& outputs, const Values& references) {
    return mauve_of_histograms(outputs, references);
  };
  // Nothing diverges, so that all points are (1, 1); mixtures differ by rounding.
  EXPECT_NEAR(area({0.25, 0, 0.75}, {0.25, 0, 0.75}), 1, 1e-12);
  // The curve of nothing in common is ((1 - w)^5, w^5), and what is below it 5 B(6, 5) = 1 / 252;
  // of 25 mixtures 24 trapezoids, which lie above the curve where it is convex.
  double trapezoids = 0;
  const auto fifth = [](double w) { return std::pow(w, 5); };
  for (int i = 0; i < 24; ++i) {
    const double w = 1 - i / 24.0;
    const double next = 1 - (i + 1) / 24.0;
    trapezoids += (fifth(1 - next) - fifth(1 - w)) * (fifth(next) + fifth(w)) / 2;
  }
  EXPECT_NEAR(area({1, 0}, {0, 1}), trapezoids, 1e-5);  // weights begin 1e-6 beside 0 and 1
  EXPECT_NEAR(area({1, 0}, {0, 1}), 1.0 / 252, 1e-3);
  // By mauve-text 0.4.0, of its own 25 mixtures.
  EXPECT_NEAR(area({0.5, 0.2, 0.3, 0}, {0.1, 0.4, 0.2, 0.3}), 0.32761256908552905, 1e-12);
  // Neither side is special, and the nearer are nearer.
  EXPECT_NEAR(area({0.5, 0.5}, {0.9, 0.1}), area({0.9, 0.1}, {0.5, 0.5}), 1e-12);
  EXPECT_GT(area({0.5, 0.5}, {0.6, 0.4}), area({0.5, 0.5}, {0.9, 0.1}));
}

TEST(Mauve, CountsTextsOfEachCluster) {
  // Two directions, with vectors of several lengths, which do not count. Clusters come in any
  // order.
  const Vectors outputs{1, 0, 0, 5, 0, 0, 0, 3, 0, 2, 0, 0};
  const Vectors references{0, 1, 0, 0, 7, 0, 0, 1, 0, 4, 0, 0};
  EXPECT_NEAR(*mauve(outputs, references, 3),
              mauve_of_histograms(Values{0.75, 0.25}, Values{0.25, 0.75}), 1e-12);
  EXPECT_EQ(mauve(outputs, references, 3), mauve(outputs, references, 3));
  EXPECT_NEAR(*mauve(outputs, outputs, 3), 1, 1e-12);
  EXPECT_NEAR(*mauve(Vectors{1, 0, 2, 0}, Vectors{0, 1, 0, 2}, 2),
              mauve_of_histograms(Values{1, 0}, Values{0, 1}), 1e-12);
  EXPECT_NEAR(*mauve(Vectors(6), Vectors(6), 3), 1, 1e-12);  // texts without a token
  EXPECT_EQ(mauve(Vectors{1, 0}, Vectors{0, 1, 0, 2}, 2), std::nullopt);
}

}  // namespace
}  // namespace trellis::metrics
