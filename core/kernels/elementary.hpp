/// exp and log of our own: the same bits with every C library. double-inl.hpp has them for vectors.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace trellis::kernels {

namespace elementary {
// ln 2 in two parts; the high one has enough zero bits that k * high is exact for every exponent k.
inline constexpr double kLn2High = 6.93147180369123816490e-01;
inline constexpr double kLn2Low = 1.90821492927058770002e-10;
inline constexpr double kLog2E = 1.44269504088896340736;
inline constexpr double kSqrt2 = 1.41421356237309504880;
// Adding 1.5 * 2^52 rounds to an integer and leaves that integer in the low bits.
inline constexpr double kShifter = 0x1.8p52;
// The Taylor series of exp up to r^13/13!, the last term first.
inline constexpr std::array<double, 14> kExponentialTerms = {1.0 / 6227020800.0,
                                                             1.0 / 479001600.0,
                                                             1.0 / 39916800.0,
                                                             1.0 / 3628800.0,
                                                             1.0 / 362880.0,
                                                             1.0 / 40320.0,
                                                             1.0 / 5040.0,
                                                             1.0 / 720.0,
                                                             1.0 / 120.0,
                                                             1.0 / 24.0,
                                                             1.0 / 6.0,
                                                             0.5,
                                                             1.0,
                                                             1.0};
// The series of atanh in f^2 behind its first term, up to f^23/23, the last term first.
inline constexpr std::array<double, 11> kLogarithmTerms = {
    1.0 / 23.0, 1.0 / 21.0, 1.0 / 19.0, 1.0 / 17.0, 1.0 / 15.0, 1.0 / 13.0,
    1.0 / 11.0, 1.0 / 9.0,  1.0 / 7.0,  1.0 / 5.0,  1.0 / 3.0};
}  // namespace elementary

/// e^x, relative error below 4e-16, for x in [-708, 709]. NaN gives NaN. Outside: unspecified.
inline double exponential(double x) {
  const double shifted = x * elementary::kLog2E + elementary::kShifter;
  const double k = shifted - elementary::kShifter;
  const double r = (x - k * elementary::kLn2High) - k * elementary::kLn2Low;  // |r| <= ln(2)/2
  double sum = elementary::kExponentialTerms[0];
  for (std::size_t i = 1; i < elementary::kExponentialTerms.size(); ++i) {
    sum = sum * r + elementary::kExponentialTerms[i];
  }
  return sum * std::bit_cast<double>((std::bit_cast<std::uint64_t>(shifted) + 1023) << 52);
}

/// Natural logarithm, relative error below 1e-15, for positive normal numbers.
inline double logarithm(double x) {
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(x);
  // The biased exponent as a number, by way of 2^52 + exponent.
  double k = std::bit_cast<double>((bits >> 52) | 0x4330000000000000ULL) - (0x1p52 + 1023.0);
  double m = std::bit_cast<double>((bits & 0x000fffffffffffffULL) | 0x3ff0000000000000ULL);
  const bool high = m > elementary::kSqrt2;  // so that m lies around 1
  m = high ? m * 0.5 : m;
  k = high ? k + 1.0 : k;
  const double f = (m - 1.0) / (m + 1.0);  // log m = 2 atanh f, |f| <= 0.1716
  const double s = f * f;
  double sum = elementary::kLogarithmTerms[0];
  for (std::size_t i = 1; i < elementary::kLogarithmTerms.size(); ++i) {
    sum = sum * s + elementary::kLogarithmTerms[i];
  }
  return k * elementary::kLn2High + (2.0 * f + (2.0 * f * s * sum + k * elementary::kLn2Low));
}

}  // namespace trellis::kernels
