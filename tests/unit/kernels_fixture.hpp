/// What the tests of the kernels share: every vector target, numbers of fixed seeds, comparison of
/// bits.
#pragma once

#include <gmock/gmock.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "core/kernels/targets.hpp"

namespace trellis::tests {

/// Calls `test` once in each vector target of this machine.
template <typename Test>
void in_every_target(const Test& test) {
  for (const std::string_view name : kernels::vector_targets()) {
    SCOPED_TRACE(std::string(name));
    kernels::use_vector_target(name);
    test();
  }
  kernels::use_vector_target("");
}

/// Numbers around 0 of very different sizes, so that another order of summation shows.
inline std::vector<float> numbers(std::size_t count, std::uint32_t seed) {
  std::mt19937 engine(seed);
  std::vector<float> made(count);
  for (float& number : made) {
    const auto bits = static_cast<std::uint32_t>(engine());
    const float fraction = static_cast<float>(bits >> 8) * 0x1p-23F - 1.0F;
    number = std::ldexp(fraction, -static_cast<int>(bits % 8));
  }
  return made;
}

inline std::uint32_t bits_of(float value) {
  return std::bit_cast<std::uint32_t>(value);
}

/// Equal bits; any NaN equals any other.
inline void expect_same_bits(const std::vector<float>& actual, const std::vector<float>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    if (std::isnan(actual[i]) && std::isnan(expected[i])) continue;
    ASSERT_EQ(bits_of(actual[i]), bits_of(expected[i]))
        << "at " << i << ": " << actual[i] << " instead of " << expected[i];
  }
}

}  // namespace trellis::tests
