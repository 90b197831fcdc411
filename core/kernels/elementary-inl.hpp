/// exp, log, tanh, the logistic function and the normal distribution's in float32, for vectors of
/// any target; included once for each Highway target. The double-precision exp and log, for
/// probabilities over a vocabulary, are in elementary.hpp.
///
/// Every function is a fixed sequence of correctly rounded operations, so its bits are the same in
/// all targets with a fused multiply-add. Error bounds are in units in the last place (ulp) of the
/// exact result, and hold for every float; results below 2^-126 are within one spacing (2^-149).
/// NaN gives NaN. Polynomials are Chebyshev interpolations, made for this file.
#if defined(TRELLIS_CORE_KERNELS_ELEMENTARY_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TRELLIS_CORE_KERNELS_ELEMENTARY_INL_HPP
#undef TRELLIS_CORE_KERNELS_ELEMENTARY_INL_HPP
#else
#define TRELLIS_CORE_KERNELS_ELEMENTARY_INL_HPP
#endif

#include <limits>

#include "core/kernels/vector-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace trellis::kernels::HWY_NAMESPACE {

using Integers = hn::RebindToSigned<Floats>;

HWY_INLINE Vector constant(float value) {
  return hn::Set(Floats(), value);
}

// ln 2 in two parts; the high one has so few bits that k * high is exact for every exponent k.
inline constexpr float kLn2High = 0x1.63p-1F;
inline constexpr float kLn2Low = -0x1.bd0106p-13F;

/// Coefficients from the constant upwards, by Horner's rule.
template <std::size_t kCount>
HWY_INLINE Vector polynomial(Vector x, const float (&coefficients)[kCount]) {
  Vector sum = constant(coefficients[kCount - 1]);
  HWY_UNROLL(12)
  for (std::size_t i = kCount - 1; i > 0; --i) {
    sum = multiply_add(sum, x, constant(coefficients[i - 1]));
  }
  return sum;
}

/// 2^k for k in [-126, 127].
HWY_INLINE Vector power_of_two(hn::Vec<Integers> k) {
  const Integers d;
  return hn::BitCast(Floats(), hn::ShiftLeft<23>(hn::Add(k, hn::Set(d, 127))));
}

/// e^x, within 1.1 ulp.
HWY_INLINE Vector exponential(Vector x) {
  constexpr float kShifter = 0x1.8p23F;  // adding it rounds to an integer, left in the low bits
  constexpr float kTerms[] = {0x1p-1F, 0x1.5554dcp-3F, 0x1.555518p-5F, 0x1.120c62p-7F,
                              0x1.6d11fep-10F};
  const Integers integers;
  // Beyond these e^x rounds to 0 and to infinity. Written so that NaN stays.
  x = hn::IfThenElse(hn::Lt(x, constant(-104.0F)), constant(-104.0F), x);
  x = hn::IfThenElse(hn::Gt(x, constant(89.0F)), constant(89.0F), x);
  const Vector shifted = multiply_add(x, constant(0x1.715476p+0F), constant(kShifter));
  const Vector k = hn::Sub(shifted, constant(kShifter));
  Vector r = multiply_add(k, constant(-kLn2High), x);
  r = multiply_add(k, constant(-kLn2Low), r);  // |r| <= ln(2)/2
  const Vector rest = multiply_add(hn::Mul(r, r), polynomial(r, kTerms), r);
  const Vector power = hn::Add(rest, constant(1.0F));
  // In two steps, so that the last one alone rounds where the result is subnormal.
  const auto exponent =
      hn::Sub(hn::BitCast(integers, shifted), hn::BitCast(integers, constant(kShifter)));
  const auto half = hn::ShiftRight<1>(exponent);
  const Vector scaled = hn::Mul(power, power_of_two(half));
  const Vector result = hn::Mul(scaled, power_of_two(hn::Sub(exponent, half)));
  return hn::IfThenElse(hn::Eq(x, x), result, x);
}

/// Natural logarithm, within 1.5 ulp. 0 gives -infinity, what is below gives NaN.
HWY_INLINE Vector logarithm(Vector x) {
  constexpr float kTerms[] = {0x1.555554p-2F,  -0x1.fffffcp-3F, 0x1.999d5ap-3F,
                              -0x1.555b4ap-3F, 0x1.23d21ap-3F,  -0x1.fcf4c6p-4F,
                              0x1.dea282p-4F,  -0x1.d635bcp-4F, 0x1.1d8ea6p-4F};
  const Floats d;
  const Integers integers;
  const auto subnormal = hn::Lt(x, constant(0x1p-126F));
  const Vector normal = hn::IfThenElse(subnormal, hn::Mul(x, constant(0x1p23F)), x);
  // x = 2^k m with m in [sqrt(1/2), sqrt(2))
  const auto bits = hn::BitCast(integers, normal);
  const auto exponent =
      hn::ShiftRight<23>(hn::Sub(bits, hn::BitCast(integers, constant(0x1.6a09e6p-1F))));
  const Vector m = hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<23>(exponent)));
  const Vector k = hn::Sub(hn::ConvertTo(d, exponent),
                           hn::IfThenElse(subnormal, constant(23.0F), constant(0.0F)));
  const Vector f = hn::Sub(m, constant(1.0F));
  const Vector square = hn::Mul(f, f);
  Vector rest = hn::Mul(hn::Mul(square, f), polynomial(f, kTerms));
  rest = multiply_add(square, constant(-0.5F), rest);
  rest = multiply_add(k, constant(kLn2Low), rest);
  const Vector result = multiply_add(k, constant(kLn2High), hn::Add(f, rest));
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  Vector special = hn::IfThenElse(hn::Eq(x, constant(0.0F)), constant(-kInfinity), result);
  special = hn::IfThenElse(hn::Lt(x, constant(0.0F)),
                           constant(std::numeric_limits<float>::quiet_NaN()), special);
  special = hn::IfThenElse(hn::Eq(x, constant(kInfinity)), x, special);
  return hn::IfThenElse(hn::Eq(x, x), special, x);
}

/// Hyperbolic tangent, within 2 ulp.
HWY_INLINE Vector hyperbolic_tangent(Vector x) {
  constexpr float kTerms[] = {-0x1.555556p-2F, 0x1.1110eap-3F,  -0x1.ba08c4p-5F,
                              0x1.64a976p-6F,  -0x1.116a16p-7F, 0x1.2c83c0p-9F};
  const Vector square = hn::Mul(x, x);
  const Vector small = multiply_add(hn::Mul(x, square), polynomial(square, kTerms), x);
  const Vector size = hn::Abs(x);
  const Vector power = exponential(hn::Add(size, size));
  const Vector large =
      hn::Sub(constant(1.0F), hn::Div(constant(2.0F), hn::Add(power, constant(1.0F))));
  return hn::IfThenElse(hn::Lt(size, constant(0.625F)), small, hn::CopySign(large, x));
}

/// factor / (1 + e^-x), within 3 ulp of it for factor 1. -infinity as x and as factor gives NaN.
HWY_INLINE Vector scaled_logistic(Vector x, Vector factor) {
  const Vector power = exponential(hn::Neg(hn::Abs(x)));  // at most 1: nothing overflows
  const auto negative = hn::Lt(x, constant(0.0F));
  const Vector numerator = hn::IfThenElse(negative, hn::Mul(factor, power), factor);
  return hn::Div(numerator, hn::Add(power, constant(1.0F)));
}

/// Cumulative distribution function of the standard normal distribution, within 4 ulp.
HWY_INLINE Vector normal_distribution(Vector x) {
  // Upper tail: e^(-a^2/2) Q(a), a = |x|; Q(a) (1 + a) is smooth in t = (a - 4) / (a + 4).
  constexpr float kTerms[] = {0x1.e361eap-2F,  -0x1.8c18f0p-4F,  0x1.cabd48p-7F,  0x1.d4953ap-6F,
                              -0x1.07c304p-5F, 0x1.25ec82p-6F,   -0x1.47ec90p-8F, -0x1.3c8da6p-12F,
                              0x1.6b35d0p-11F, -0x1.06c93ep-14F, -0x1.30d05cp-14F};
  const Vector size = hn::Abs(x);
  // From here on the tail rounds to 0. Written so that NaN stays.
  const Vector a = hn::IfThenElse(hn::Gt(size, constant(14.5F)), constant(14.5F), size);
  // The rounding error of a^2 would show up a^2 times as large in the power.
  const Vector square = hn::Mul(a, a);
  const Vector error = multiply_add(a, a, hn::Neg(square));
  Vector power = exponential(hn::Mul(square, constant(-0.5F)));
  power = multiply_add(hn::Mul(power, constant(-0.5F)), error, power);
  const Vector t = hn::Div(hn::Sub(a, constant(4.0F)), hn::Add(a, constant(4.0F)));
  const Vector q = hn::Div(polynomial(t, kTerms), hn::Add(a, constant(1.0F)));
  const Vector tail = hn::Mul(power, q);
  return hn::IfThenElse(hn::Lt(x, constant(0.0F)), tail, hn::Sub(constant(1.0F), tail));
}

}  // namespace trellis::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
