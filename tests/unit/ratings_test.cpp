/// Tables of what raters said, with counts and shares worked out by hand.
#include "reports/ratings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace trellis::reports {
namespace {

using storage::Preference;
using storage::Preferred;
using storage::Rating;
using ::testing::ElementsAre;

const std::vector<std::string> kTrials = {"a", "b", "c"};

Preference choice(const char* rater, const char* first, const char* second, std::uint64_t example,
                  Preferred preferred) {
  return {rater, "overall", {first, second}, example, 0, preferred};
}

TEST(PreferenceTable, CountsWinsAndFitsStrengths) {
  // b beats a in 3 of 4, with one tie counted as half a win: 2 wins and 2 halves.
  const std::vector<Preference> said = {
      choice("Ann", "a", "b", 0, Preferred::second), choice("Ann", "a", "b", 1, Preferred::second),
      choice("Ann", "a", "b", 2, Preferred::tie), choice("Ann", "a", "b", 3, Preferred::tie)};
  const auto table = preference_table(said, kTrials, "overall");
  ASSERT_EQ(table.trials.size(), 2U);  // nobody judged c
  EXPECT_EQ(table.trials[0].trial, "b");
  EXPECT_EQ(table.trials[0].mean, 0.75);
  EXPECT_EQ(table.trials[1].mean, 0.25);
  EXPECT_EQ(table.trials[0].n, 4U);
  EXPECT_EQ(table.against[1].wins, 3.0);
  EXPECT_EQ(table.against[1].n, 4U);
  EXPECT_EQ(table.against[0].n, 0U);
  ASSERT_TRUE(table.strengths);
  EXPECT_NEAR((*table.strengths)[0].value, std::log(3.0) / 2, 1e-9);
  EXPECT_EQ(table.raters, 1U);
  EXPECT_FALSE(table.agreement.alpha);  // of one rater
  ASSERT_TRUE(table.trials[0].interval);
  EXPECT_LT(table.trials[0].interval->low, 0.75);
}

TEST(PreferenceTable, OrdersByWinsWhereThereAreNoStrengths) {
  const std::vector<Preference> said = {choice("Ann", "a", "c", 0, Preferred::second),
                                        choice("Ann", "a", "b", 0, Preferred::second)};
  const auto table = preference_table(said, kTrials, "overall");
  EXPECT_FALSE(table.strengths);
  ASSERT_EQ(table.trials.size(), 3U);
  EXPECT_EQ(table.trials.back().trial, "a");
}

TEST(PreferenceTable, TellsHowFarRatersAgree) {
  // Two items, each judged by two; on the second they differ. Of 4 values 3 are alike: one of the
  // two pairs differs where 3 * 1 / 3 would by chance, alpha = 0.
  const std::vector<Preference> said = {
      choice("Ann", "a", "b", 0, Preferred::first), choice("Bob", "a", "b", 0, Preferred::first),
      choice("Ann", "a", "b", 1, Preferred::first), choice("Bob", "a", "b", 1, Preferred::second)};
  const auto table = preference_table(said, kTrials, "overall");
  EXPECT_NEAR(*table.agreement.alpha, 0, 1e-12);
  EXPECT_EQ(table.agreement.items, 2U);
  EXPECT_EQ(table.raters, 2U);
}

TEST(ScoreTable, MeansAndCounts) {
  const std::vector<Rating> said = {
      {"Ann", "overall", "a", 0, 0, 2}, {"Ann", "overall", "a", 1, 0, 3},
      {"Ann", "overall", "b", 0, 0, 5}, {"Bob", "overall", "b", 0, 0, 4},
      {"Ann", "fluency", "a", 0, 0, 5}, {"Ann", "overall", "z", 0, 0, 5}};
  const auto table = score_table(said, kTrials, "overall");
  ASSERT_EQ(table.trials.size(), 2U);
  EXPECT_EQ(table.trials[0].trial, "b");
  EXPECT_EQ(table.trials[0].mean, 4.5);
  EXPECT_EQ(table.trials[1].mean, 2.5);
  EXPECT_FALSE(table.trials[0].interval);  // both of one example
  EXPECT_THAT(table.counts[0], ElementsAre(0, 0, 0, 1, 1));
  EXPECT_EQ(table.agreement.items, 1U);
  EXPECT_EQ(table.raters, 2U);
}

}  // namespace
}  // namespace trellis::reports
