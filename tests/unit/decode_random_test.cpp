/// Random numbers of the decode loop: published vectors, moments, and sampling against the exact
/// distribution. Every seed is fixed, so a test that passes once always passes.
#include <cstddef>
#include <set>

#include "core/kernels/elementary.hpp"
#include "core/kernels/selection.hpp"
#include "tests/unit/kernels_fixture.hpp"
#include "tests/unit/sampling_fixture.hpp"
#include "trellis/sdk/strategy.hpp"

namespace trellis::tests {
namespace {

using decode::NoiseKey;
using Words = std::array<std::uint32_t, 4>;

TEST(Philox, GivesThePublishedNumbers) {  // Random123, known-answer tests of philox4x32-10
  const std::uint32_t ones = 0xffffffff;
  EXPECT_EQ(decode::philox4x32({0, 0, 0, 0}, {0, 0}),
            (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(decode::philox4x32({ones, ones, ones, ones}, {ones, ones}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(decode::philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                               {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Gumbel, HasMeanAndVarianceOfTheStandardDistribution) {
  std::vector<float> noise(1 << 20);
  decode::gumbel_noise({7, 3, 1}, 5, noise);
  double sum = 0;
  double squares = 0;
  for (const double x : noise) {
    ASSERT_TRUE(std::isfinite(x));
    sum += x;
    squares += x * x;
  }
  const auto n = static_cast<double>(noise.size());
  const double mean = sum / n;
  const double variance = squares / n - mean * mean;
  const double expected_variance = M_PI * M_PI / 6;
  // Five standard errors; the fourth central moment of a Gumbel variable is 5.4 variances squared.
  EXPECT_NEAR(mean, 0.57721566490153286, 5 * std::sqrt(expected_variance / n));
  EXPECT_NEAR(variance, expected_variance, 5 * expected_variance * std::sqrt(4.4 / n));
}

TEST(Gumbel, IsAPureFunctionOfItsPlace) {
  std::vector<float> whole(1000);
  decode::gumbel_noise({1, 2, 3}, 4, whole);
  for (const std::size_t size : {1U, 3U, 255U, 256U, 257U, 999U}) {
    std::vector<float> part(size);
    decode::gumbel_noise({1, 2, 3}, 4, part);
    EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin())) << size;
  }
}

// The definition, token by token.
float noise_of(const NoiseKey& key, std::uint64_t position, std::uint32_t token) {
  const auto place = decode::gumbel_place(key, position);
  const auto words = decode::philox4x32({token / 4, place.use, static_cast<std::uint32_t>(position),
                                         static_cast<std::uint32_t>(position >> 32)},
                                        place.key);
  const double u = (static_cast<double>(words[token % 4]) + 0.5) * 0x1p-32;
  return static_cast<float>(-kernels::logarithm(-kernels::logarithm(u)));
}

TEST(Gumbel, HasTheBitsOfItsDefinitionInEveryTarget) {
  const NoiseKey key{1, 2, 3, 4};
  const std::uint64_t position = (1ULL << 40) + 7;
  in_every_target([&] {
    std::vector<float> noise(1003);
    decode::gumbel_noise(key, position, noise);
    std::vector<std::int32_t> listed;
    for (std::uint32_t token = 0; token < noise.size(); ++token) {
      ASSERT_EQ(noise[token], noise_of(key, position, token)) << token;
      if (token * token % 7 < 3) listed.push_back(static_cast<std::int32_t>(token));
    }
    listed.push_back(5);
    listed.push_back(49151);
    std::vector<float> some(listed.size());
    kernels::gumbel_noise_of(decode::gumbel_place(key, position), listed, some);
    for (std::size_t i = 0; i < listed.size(); ++i) {
      ASSERT_EQ(some[i], noise_of(key, position, static_cast<std::uint32_t>(listed[i])));
    }
  });
}

// The search for the greatest must find what adding all noise finds, whatever the scores are like.
TEST(Gumbel, ArgmaxIsThatOfScoresAndAllNoise) {
  in_every_target([] {
    std::uint64_t position = 0;
    for (const std::size_t size : {1U, 3U, 16U, 255U, 256U, 257U, 3000U}) {
      for (const float spread : {0.0F, 1e-3F, 1.0F, 5.0F, 30.0F, 1e4F, 1e30F}) {
        for (int trial = 0; trial < 60; ++trial) {
          auto scores = numbers(size, static_cast<std::uint32_t>(++position));
          for (float& score : scores) score *= spread;
          for (std::size_t i = 0; trial % 3 == 1 && i < size; ++i) {
            if (i % 5 != 0) scores[i] = -INFINITY;
          }
          if (trial % 3 == 2) scores[size / 2] = NAN;
          const NoiseKey key{7, 1, 2};
          std::vector<float> noisy(size);
          decode::gumbel_noise(key, position, noisy);
          for (std::size_t i = 0; i < size; ++i) noisy[i] += scores[i];
          ASSERT_EQ(kernels::gumbel_argmax(decode::gumbel_place(key, position), scores),
                    kernels::argmax(noisy))
              << size << ", " << spread;
        }
      }
    }
    const std::vector<float> none(20, -INFINITY);
    EXPECT_EQ(kernels::gumbel_argmax(decode::gumbel_place({}, 0), none), 0U);
  });
}

TEST(Gumbel, IsAskedForInFullOfAHostThatCannotSearch) {
  trellis_noise noise{};
  noise.struct_size = offsetof(trellis_noise, gumbel_of);
  noise.gumbel = [](void*, std::uint64_t position, float* out, std::size_t count) {
    decode::gumbel_noise({1, 2, 3}, position, {out, count});
  };
  for (std::uint64_t position = 0; position < 200; ++position) {
    const auto scores = numbers(100, static_cast<std::uint32_t>(position));
    EXPECT_EQ(static_cast<std::size_t>(sdk::draw_token(noise, position, scores)),
              kernels::gumbel_argmax(decode::gumbel_place({1, 2, 3}, position), scores));
  }
}

TEST(Gumbel, EveryPartOfTheKeyMatters) {
  const std::uint64_t high = 1ULL << 32;
  std::set<std::vector<float>> seen;
  const auto draw = [&](const NoiseKey& key, std::uint64_t position) {
    std::vector<float> noise(4);
    decode::gumbel_noise(key, position, noise);
    seen.insert(noise);
  };
  draw({1, 2, 3}, 4);
  draw({2, 2, 3}, 4);
  draw({1 + high, 2, 3}, 4);
  draw({1, 3, 3}, 4);
  draw({1, 2 + high, 3}, 4);
  draw({1, 2, 4}, 4);
  draw({1, 2, 3}, 5);
  draw({1, 2, 3}, 4 + high);
  draw({1, 2, 3, 1}, 4);
  draw({1, 2, 3, 0, 1}, 4);
  draw({1, 2, 3, 0, 2}, 4);
  draw({1, 2, 3, 1, 1}, 4);
  EXPECT_EQ(seen.size(), 12U);
}

TEST(Uniform, LiesInTheUnitIntervalAndIsEven) {
  std::array<int, 16> counts{};
  const int n = 16000;
  for (int i = 0; i < n; ++i) {
    const double x = decode::uniform_noise({11, 0, 0}, static_cast<std::uint64_t>(i / 4),
                                           static_cast<std::uint32_t>(i % 4));
    ASSERT_GE(x, 0);
    ASSERT_LT(x, 1);
    ++counts[static_cast<std::size_t>(x * 16)];
  }
  double chi_square = 0;
  for (const int count : counts) chi_square += (count - 1000.0) * (count - 1000.0) / 1000.0;
  EXPECT_LT(chi_square, 44.3);  // 15 degrees of freedom, one in ten thousand
}

// ---- sampling ---------------------------------------------------------------------------------

// Bounds: the value that a chi-square variable of these degrees of freedom exceeds once in ten
// thousand.
TEST(Sampling, DrawsByTheModelsDistribution) {
  EXPECT_LT(chi_square(draw(sampling({}), 20000, 1), kLaw), 27.9);  // 6
}

TEST(Sampling, DrawsByTemperature) {
  std::map<std::string, double> weights;
  for (const auto& [text, p] : kLaw) weights[text] = std::pow(p, 1 / 0.6);
  EXPECT_LT(
      chi_square(draw(sampling({{"temperature", {{"temperature", 0.6}}}}), 20000, 1), weights),
      27.9);
}

TEST(Sampling, DrawsByTopK) {
  const std::map<std::string, double> weights = {{"a", 0.30}, {"b", 0.22}, {"c", 0.16}};
  EXPECT_LT(chi_square(draw(sampling({{"top_k", {{"k", 3}}}}), 20000, 1), weights), 18.4);  // 2
}

TEST(Sampling, DrawsByTopP) {
  // 0.30 + 0.22 + 0.16 = 0.68 is below 0.7, so "d" crosses the border and stays.
  const std::map<std::string, double> weights = {
      {"a", 0.30}, {"b", 0.22}, {"c", 0.16}, {"d", 0.12}};
  EXPECT_LT(chi_square(draw(sampling({{"top_p", {{"top_p", 0.7}}}}), 20000, 1), weights), 21.1);
}

TEST(Sampling, AppliesProcessorsByRankAndNotAsListed) {
  // At temperature 0.5 the weights are squared: 0.0900, 0.0484, 0.0256 ... of 0.1926 in all. The
  // mass before "c" is then 0.719 and "c" goes; were top_p first, "c" and "d" would stay.
  const std::map<std::string, double> weights = {{"a", 0.0900}, {"b", 0.0484}};
  const auto chosen =
      sampling({{"top_p", {{"top_p", 0.7}}}, {"temperature", {{"temperature", 0.5}}}});
  EXPECT_LT(chi_square(draw(chosen, 20000, 1), weights), 15.2);  // 1
}

TEST(Sampling, PositionsAreIndependent) {
  std::map<std::string, double> pairs;
  for (const auto& [first, p] : kLaw) {
    for (const auto& [second, q] : kLaw) pairs[first + second] = p * q;
  }
  EXPECT_LT(chi_square(draw(sampling({}), 40000, 2), pairs), 92.0);  // 48
}

TEST(Sampling, ExamplesAreIndependent) {
  const auto one = draw(sampling({}), 20000, 1, 1, 0);
  const auto two = draw(sampling({}), 20000, 1, 1, 1);
  std::vector<std::string> both;
  for (std::size_t i = 0; i < one.size(); ++i) both.push_back(one[i] + two[i]);
  std::map<std::string, double> pairs;
  for (const auto& [first, p] : kLaw) {
    for (const auto& [second, q] : kLaw) pairs[first + second] = p * q;
  }
  EXPECT_LT(chi_square(both, pairs), 92.0);
}

TEST(Sampling, ArmsShareTheirNoise) {
  const auto free = draw(sampling({}), 2000, 1);
  const auto filtered = draw(sampling({{"top_k", {{"k", 3}}}}), 2000, 1);
  const auto nucleus = draw(sampling({{"top_p", {{"top_p", 0.7}}}}), 2000, 1);
  int equal = 0;
  for (std::size_t i = 0; i < free.size(); ++i) {
    // The greatest of noisy logits stays the greatest when others are taken away.
    if (free[i] <= "c") {
      EXPECT_EQ(filtered[i], free[i]);
    }
    if (free[i] <= "d") {
      EXPECT_EQ(nucleus[i], free[i]);
    }
    equal += filtered[i] == nucleus[i] ? 1 : 0;
  }
  EXPECT_GT(equal, 1600);  // independent draws would agree in 36 %
  EXPECT_NE(draw(sampling({}), 2000, 1, 2), free) << "the seed has no effect";
}

TEST(Sampling, SamplesAskedForByNumberAreThoseOfTheWholeRun) {
  const auto all = draw(sampling({}), 8, 10);
  Table table(one_law());
  const auto chosen = sampling({});
  const decode::SampleRequest requests[] = {{0, 0, 6, 1, 0}, {0, 0, 2, 1, 0}};
  const auto some = run_arms(table.model, {&chosen, 1}, {prompt_of(0, "", 10)}, requests).front();
  ASSERT_EQ(some.generations.size(), 2U);
  EXPECT_EQ(some.text(0, 6), all[6]);
  EXPECT_EQ(some.text(0, 2), all[2]);
}

}  // namespace
}  // namespace trellis::tests
