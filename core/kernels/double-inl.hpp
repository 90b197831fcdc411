/// exp and log of elementary.hpp for vectors of doubles of any target; included once for each
/// Highway target.
///
/// Products are rounded before they are added, as in elementary.hpp, so all targets give its bits,
/// those without a fused multiply-add too.
#if defined(TRELLIS_CORE_KERNELS_DOUBLE_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TRELLIS_CORE_KERNELS_DOUBLE_INL_HPP
#undef TRELLIS_CORE_KERNELS_DOUBLE_INL_HPP
#else
#define TRELLIS_CORE_KERNELS_DOUBLE_INL_HPP
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>

#include "core/kernels/elementary.hpp"

HWY_BEFORE_NAMESPACE();
namespace trellis::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

inline constexpr std::size_t kDoubleLanes = 8;  ///< a sum is kept in so many interleaved lanes

using Doubles = hn::CappedTag<double, kDoubleLanes>;
using DoubleVector = hn::Vec<Doubles>;
using DoubleBits = hn::RebindToUnsigned<Doubles>;
using NarrowFloats = hn::Rebind<float, Doubles>;  ///< as many floats as a vector has doubles

inline constexpr std::size_t kDoubleWidth = hn::MaxLanes(Doubles());  ///< doubles in a vector
inline constexpr std::size_t kDoubleParts = kDoubleLanes / kDoubleWidth;

HWY_INLINE DoubleVector double_constant(double value) {
  return hn::Set(Doubles(), value);
}

/// sum * x + term, rounded twice.
HWY_INLINE DoubleVector next_term(DoubleVector sum, DoubleVector x, double term) {
  return hn::Add(hn::Mul(sum, x), double_constant(term));
}

/// The vector form of kernels::exponential.
HWY_INLINE DoubleVector exponential(DoubleVector x) {
  const DoubleVector shifter = double_constant(elementary::kShifter);
  const DoubleVector shifted = hn::Add(hn::Mul(x, double_constant(elementary::kLog2E)), shifter);
  const DoubleVector k = hn::Sub(shifted, shifter);
  const DoubleVector high = hn::Sub(x, hn::Mul(k, double_constant(elementary::kLn2High)));
  const DoubleVector r = hn::Sub(high, hn::Mul(k, double_constant(elementary::kLn2Low)));
  DoubleVector sum = double_constant(elementary::kExponentialTerms[0]);
  HWY_UNROLL(16)
  for (std::size_t i = 1; i < elementary::kExponentialTerms.size(); ++i) {
    sum = next_term(sum, r, elementary::kExponentialTerms[i]);
  }
  const DoubleBits bits;
  const auto power = hn::ShiftLeft<52>(hn::Add(hn::BitCast(bits, shifted), hn::Set(bits, 1023)));
  return hn::Mul(sum, hn::BitCast(Doubles(), power));
}

/// The vector form of kernels::logarithm.
HWY_INLINE DoubleVector logarithm(DoubleVector x) {
  const DoubleBits d;
  const DoubleVector one = double_constant(1);
  const auto bits = hn::BitCast(d, x);
  const auto exponent = hn::Or(hn::ShiftRight<52>(bits), hn::Set(d, 0x4330000000000000ULL));
  DoubleVector k = hn::Sub(hn::BitCast(Doubles(), exponent), double_constant(0x1p52 + 1023.0));
  const auto fraction =
      hn::Or(hn::And(bits, hn::Set(d, 0x000fffffffffffffULL)), hn::Set(d, 0x3ff0000000000000ULL));
  DoubleVector m = hn::BitCast(Doubles(), fraction);
  const auto high = hn::Gt(m, double_constant(elementary::kSqrt2));
  m = hn::IfThenElse(high, hn::Mul(m, double_constant(0.5)), m);
  k = hn::IfThenElse(high, hn::Add(k, one), k);
  const DoubleVector f = hn::Div(hn::Sub(m, one), hn::Add(m, one));
  const DoubleVector s = hn::Mul(f, f);
  DoubleVector sum = double_constant(elementary::kLogarithmTerms[0]);
  HWY_UNROLL(12)
  for (std::size_t i = 1; i < elementary::kLogarithmTerms.size(); ++i) {
    sum = next_term(sum, s, elementary::kLogarithmTerms[i]);
  }
  const DoubleVector twice = hn::Add(f, f);
  const DoubleVector rest =
      hn::Add(hn::Mul(hn::Mul(twice, s), sum), hn::Mul(k, double_constant(elementary::kLn2Low)));
  return hn::Add(hn::Mul(k, double_constant(elementary::kLn2High)), hn::Add(twice, rest));
}

/// Rounded to floats.
HWY_INLINE hn::Vec<NarrowFloats> to_floats(DoubleVector x) {
#if HWY_TARGET == HWY_SCALAR
  return hn::Vec<NarrowFloats>(static_cast<float>(x.raw));  // DemoteTo makes infinity finite there
#else
  return hn::DemoteTo(NarrowFloats(), x);
#endif
}

/// The first `count` floats as doubles, at most a vector; `rest` in the other lanes.
HWY_INLINE DoubleVector load_floats(const float* from, std::size_t count, float rest) {
  const NarrowFloats d;
  if (count >= kDoubleWidth) return hn::PromoteTo(Doubles(), hn::LoadU(d, from));
  float padded[kDoubleWidth];
  for (std::size_t i = 0; i < kDoubleWidth; ++i) padded[i] = i < count ? from[i] : rest;
  return hn::PromoteTo(Doubles(), hn::LoadU(d, padded));
}

}  // namespace trellis::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
