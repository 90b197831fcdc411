/// Agreement of raters and strengths from preferences, with answers derived by hand.
#include <gtest/gtest.h>

#include <cmath>

#include "core/metrics/agreement.hpp"
#include "core/metrics/bradley_terry.hpp"

namespace trellis::metrics {
namespace {

// Exact but for rounding.
constexpr double kRounding = 1e-9;

TEST(Agreement, OfTwoRatersAndTwoValues) {
  // Ten items, four of them judged differently. 14 zeros and 6 ones: of the 20 values, 4 zeros are
  // paired with a one, and 14 * 6 / 19 would be by chance. alpha = 1 - 4 * 19 / 84.
  const std::vector<std::vector<int>> items = {{0, 1}, {1, 1}, {0, 1}, {0, 0}, {0, 0},
                                               {0, 1}, {0, 0}, {0, 0}, {1, 0}, {0, 0}};
  for (const auto scale : {RatingScale::nominal, RatingScale::ordinal, RatingScale::interval}) {
    const auto agreement = krippendorff_alpha(items, scale);
    EXPECT_NEAR(*agreement.alpha, 1 - 4.0 * 19 / 84, kRounding);
    EXPECT_EQ(agreement.items, 10U);
    EXPECT_EQ(agreement.values, 20U);
  }
}

TEST(Agreement, OfFourRatersWithGapsIsKrippendorffs) {
  // The example of "Computing Krippendorff's Alpha-Reliability", items across; it gives the three
  // figures to three places.
  const std::vector<std::vector<int>> items = {
      {1, 1, 1},    {2, 2, 3, 2}, {3, 3, 3, 3}, {3, 3, 3, 3}, {2, 2, 2, 2}, {1, 2, 3, 4},
      {4, 4, 4, 4}, {1, 1, 2, 1}, {2, 2, 2, 2}, {5, 5, 5},    {1, 1},       {3}};
  EXPECT_NEAR(*krippendorff_alpha(items, RatingScale::nominal).alpha, 0.743, 0.0005);
  EXPECT_NEAR(*krippendorff_alpha(items, RatingScale::ordinal).alpha, 0.815, 0.0005);
  EXPECT_NEAR(*krippendorff_alpha(items, RatingScale::interval).alpha, 0.849, 0.0005);
  EXPECT_EQ(krippendorff_alpha(items, RatingScale::nominal).items, 11U);
}

TEST(Agreement, IsOneWhereAllAgreeAndUndefinedWithoutVariety) {
  using Items = std::vector<std::vector<int>>;
  EXPECT_EQ(krippendorff_alpha(Items{{1, 1}, {2, 2, 2}}, RatingScale::nominal).alpha, 1.0);
  EXPECT_FALSE(krippendorff_alpha(Items{{1, 1}, {1, 1}}, RatingScale::nominal).alpha);
  EXPECT_FALSE(krippendorff_alpha(Items{{1}, {2}}, RatingScale::nominal).alpha);
  EXPECT_FALSE(krippendorff_alpha({}, RatingScale::ordinal).alpha);
  // Two items, always opposite: 2 of 2 pairs differ, 2 * 2 / 3 by chance: 1 - 2 * 3 / 4.
  EXPECT_NEAR(*krippendorff_alpha(Items{{1, 2}, {2, 1}}, RatingScale::nominal).alpha, -0.5,
              kRounding);
}

TEST(Agreement, OnAnOrderCountsNearMissesLess) {
  const std::vector<std::vector<int>> near = {{1, 2}, {3, 3}, {5, 5}, {2, 2}};
  const std::vector<std::vector<int>> far = {{1, 5}, {3, 3}, {5, 5}, {2, 2}};
  EXPECT_GT(*krippendorff_alpha(near, RatingScale::ordinal).alpha,
            *krippendorff_alpha(far, RatingScale::ordinal).alpha);
}

TEST(BradleyTerry, OfTwoIsTheLogOfTheOdds) {
  // 6 wins of 8: the odds are 3. The information in one difference is 8 * 3/4 * 1/4 = 1.5, and the
  // first strength is half of the difference.
  const std::vector<double> wins = {0, 6, 2, 0};
  const auto strengths = bradley_terry(2, wins);
  ASSERT_TRUE(strengths);
  EXPECT_NEAR((*strengths)[0].value, std::log(3.0) / 2, kRounding);
  EXPECT_NEAR((*strengths)[1].value, -std::log(3.0) / 2, kRounding);
  EXPECT_NEAR((*strengths)[0].standard_error, 0.5 / std::sqrt(1.5), kRounding);
}

TEST(BradleyTerry, FindsStrengthsThatFitExactly) {
  // Strengths in the ratio 4 : 2 : 1 make 2/3, 2/3 and 4/5 of 6, 6 and 5 judgements.
  const std::vector<double> wins = {0, 4, 4,  //
                                    2, 0, 4,  //
                                    1, 2, 0};
  const auto strengths = bradley_terry(3, wins);
  ASSERT_TRUE(strengths);
  EXPECT_NEAR((*strengths)[0].value, std::log(2.0), kRounding);
  EXPECT_NEAR((*strengths)[1].value, 0, kRounding);
  EXPECT_NEAR((*strengths)[2].value, -std::log(2.0), kRounding);
}

TEST(BradleyTerry, OfACircleIsEqual) {
  const std::vector<double> wins = {0, 3, 0, 0, 0, 3, 3, 0, 0};
  const auto strengths = bradley_terry(3, wins);
  ASSERT_TRUE(strengths);
  for (const auto& strength : *strengths) EXPECT_NEAR(strength.value, 0, kRounding);
}

TEST(BradleyTerry, ConvergesFarFromEqual) {
  const std::vector<double> wins = {0, 1e6, 0, 1, 0, 1e6, 0, 1, 0};
  const auto strengths = bradley_terry(3, wins);
  ASSERT_TRUE(strengths);
  // A chain: each step is log(1e6 / 1), up to rounding of sums of millions.
  EXPECT_NEAR((*strengths)[0].value - (*strengths)[1].value, std::log(1e6), 1e-6);
  EXPECT_NEAR((*strengths)[1].value - (*strengths)[2].value, std::log(1e6), 1e-6);
}

TEST(BradleyTerry, IsNothingWhereSomeNeverWon) {
  EXPECT_FALSE(bradley_terry(2, std::vector<double>{0, 5, 0, 0}));
  // The third lost to both and never won; then two pairs that never met.
  EXPECT_FALSE(bradley_terry(3, std::vector<double>{0, 1, 2, 1, 0, 2, 0, 0, 0}));
  EXPECT_FALSE(
      bradley_terry(4, std::vector<double>{0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0}));
  EXPECT_FALSE(bradley_terry(1, std::vector<double>{0}));
  EXPECT_FALSE(bradley_terry(0, {}));
  // A tie is half a win for both, so one is enough.
  EXPECT_TRUE(bradley_terry(2, std::vector<double>{0, 5.5, 0.5, 0}));
}

}  // namespace
}  // namespace trellis::metrics
