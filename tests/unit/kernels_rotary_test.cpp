/// Rotary positions: hand-derived turns, the definition to the bit, closeness, and what they are
/// for: scores depend on the distance alone.
#include "core/kernels/rotary.hpp"
#include "tests/unit/kernels_fixture.hpp"

namespace trellis::tests {
namespace {

using kernels::RotaryPairs;
using kernels::RotaryTable;

constexpr double kUnit = 0x1p-24;
constexpr RotaryPairs kBoth[] = {RotaryPairs::halves, RotaryPairs::neighbours};

std::vector<float> turned(const RotaryTable& table, const std::vector<std::int32_t>& places,
                          std::size_t heads, std::size_t head_size, std::vector<float> x) {
  table.apply(places, heads, head_size, {x.data(), places.size(), heads * head_size});
  return x;
}

// Where the two of pair i lie in a head.
std::pair<std::size_t, std::size_t> pair_of(RotaryPairs pairs, std::size_t i, std::size_t half) {
  return pairs == RotaryPairs::halves ? std::pair(i, i + half) : std::pair(2 * i, 2 * i + 1);
}

TEST(Rotary, TurnsByHand) {
  // A quarter and a half turn a place; the last dimension is none that is turned.
  const std::vector<double> frequencies = {M_PI / 2, M_PI};
  const std::vector<float> x = {1, 2, 3, 4, 5};
  const float tiny = 1e-5F;  // cosines and sines are rounded to float
  in_every_target([&] {
    const auto halves = turned({frequencies, 2, RotaryPairs::halves}, {1}, 1, 5, x);
    const float by_halves[] = {-3, -2, 1, -4, 5};
    const auto neighbours = turned({frequencies, 2, RotaryPairs::neighbours}, {1}, 1, 5, x);
    const float by_neighbours[] = {-2, 1, -3, -4, 5};
    for (std::size_t i = 0; i < 5; ++i) {
      EXPECT_NEAR(halves[i], by_halves[i], tiny);
      EXPECT_NEAR(neighbours[i], by_neighbours[i], tiny);
    }
    EXPECT_EQ(turned({frequencies, 2, RotaryPairs::halves}, {0}, 1, 5, x), x);
  });
}

TEST(Rotary, KnowsTheUsualFrequencies) {
  const auto frequencies = kernels::rotary_frequencies(10'000, 8);
  ASSERT_EQ(frequencies.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(frequencies[i], std::pow(0.1, i), 1e-16);
}

TEST(Rotary, HasTheBitsOfItsDefinitionAndStaysClose) {
  const std::vector<std::int32_t> places = {0, 5, 1, 99};
  const std::size_t heads = 3;
  for (const RotaryPairs pairs : kBoth) {
    for (const std::size_t size : {2U, 6U, 32U, 42U}) {
      const std::size_t head_size = size + size % 4;  // some heads are turned in part
      SCOPED_TRACE(testing::Message() << size << " of " << head_size);
      const auto frequencies = kernels::rotary_frequencies(1000, size);
      const RotaryTable table(frequencies, 100, pairs);
      const std::vector<float> x = numbers(places.size() * heads * head_size, 1);
      std::vector<float> expected = x;
      std::vector<double> exact(x.begin(), x.end());
      std::vector<double> bound(x.size());
      for (std::size_t block = 0; block < places.size() * heads; ++block) {
        for (std::size_t i = 0; i < size / 2; ++i) {
          const double angle = places[block / heads] * frequencies[i];
          const auto cosine = static_cast<float>(std::cos(angle));
          const auto sine = static_cast<float>(std::sin(angle));
          const auto [first, second] = pair_of(pairs, i, size / 2);
          const std::size_t a = block * head_size + first;
          const std::size_t b = block * head_size + second;
          expected[a] = std::fma(x[a], cosine, -(x[b] * sine));
          expected[b] = std::fma(x[a], sine, x[b] * cosine);
          exact[a] = x[a] * std::cos(angle) - x[b] * std::sin(angle);
          exact[b] = x[a] * std::sin(angle) + x[b] * std::cos(angle);
          bound[a] = bound[b] = 4 * kUnit * (std::abs(x[a]) + std::abs(x[b]));
        }
      }
      in_every_target([&] {
        const std::vector<float> out = turned(table, places, heads, head_size, x);
        if (kernels::fused_multiply_add()) expect_same_bits(out, expected);
        for (std::size_t i = 0; i < out.size(); ++i) ASSERT_NEAR(out[i], exact[i], bound[i]);
      });
    }
  }
}

TEST(Rotary, MakesScoresDependOnTheDistanceAlone) {
  const std::vector<float> query = numbers(16, 1);
  const std::vector<float> key = numbers(16, 2);
  for (const RotaryPairs pairs : kBoth) {
    const RotaryTable table(kernels::rotary_frequencies(10'000, 16), 512, pairs);
    const auto score = [&](std::int32_t query_place, std::int32_t key_place) {
      const std::vector<float> q = turned(table, {query_place}, 1, 16, query);
      const std::vector<float> k = turned(table, {key_place}, 1, 16, key);
      double sum = 0;
      for (std::size_t i = 0; i < 16; ++i) sum += double{q[i]} * k[i];
      return sum;
    };
    // 16 products of numbers below 2, each factor within 8 u.
    EXPECT_NEAR(score(9, 2), score(507, 500), 16 * 4 * 16 * kUnit);
    EXPECT_GT(std::abs(score(9, 2) - score(9, 3)), 1e-3);
  }
}

TEST(Rotary, KeepsNaNInItsPair) {
  for (const RotaryPairs pairs : kBoth) {
    const RotaryTable table(kernels::rotary_frequencies(10'000, 10), 4, pairs);
    std::vector<float> x = numbers(12, 1);
    const auto [a, b] = pair_of(pairs, 3, 5);
    x[a] = NAN;
    in_every_target([&, a = a, b = b] {
      const std::vector<float> out = turned(table, {2}, 1, 12, x);
      for (std::size_t i = 0; i < 12; ++i) EXPECT_EQ(std::isnan(out[i]), i == a || i == b);
    });
  }
}

}  // namespace
}  // namespace trellis::tests
