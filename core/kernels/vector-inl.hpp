/// The vector type and the order of sums that all kernels share; included once for each Highway
/// target, inside the kernels' sources only.
///
/// A vector has 16 lanes at most, so 16 lanes are one AVX-512 register, two of AVX2, four of SSE4
/// and sixteen plain floats: a sum kept in 16 interleaved lanes has the same bits in all of them.
/// Where the target is plain C++, the fused multiply-add is std::fma. SSE4 has none: there the
/// product is rounded, and `fused_multiply_add()` says so.

// Highway includes a source once for each target, so the guard is toggled rather than set.
#if defined(TRELLIS_CORE_KERNELS_VECTOR_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TRELLIS_CORE_KERNELS_VECTOR_INL_HPP
#undef TRELLIS_CORE_KERNELS_VECTOR_INL_HPP
#else
#define TRELLIS_CORE_KERNELS_VECTOR_INL_HPP
#endif

#include <hwy/highway.h>

#include <cmath>
#include <cstddef>

HWY_BEFORE_NAMESPACE();
namespace trellis::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

inline constexpr std::size_t kLanes = 16;

using Floats = hn::CappedTag<float, kLanes>;
using Vector = hn::Vec<Floats>;

inline constexpr std::size_t kWidth = hn::MaxLanes(Floats());  ///< floats in a vector
inline constexpr std::size_t kParts = kLanes / kWidth;         ///< vectors in 16 lanes

/// a * b + c, rounded once.
HWY_INLINE Vector multiply_add(Vector a, Vector b, Vector c) {
#if HWY_TARGET == HWY_SCALAR
  return Vector(std::fma(a.raw, b.raw, c.raw));
#else
  return hn::MulAdd(a, b, c);
#endif
}

/// The first `count` floats, at most a vector; 0 in the other lanes.
HWY_INLINE Vector load_first(const float* from, std::size_t count) {
  if (count >= kWidth) return hn::LoadU(Floats(), from);
  float padded[kWidth] = {};
  for (std::size_t i = 0; i < count; ++i) padded[i] = from[i];
  return hn::LoadU(Floats(), padded);
}

HWY_INLINE void store_first(Vector vector, float* to, std::size_t count) {
  if (count >= kWidth) return hn::StoreU(vector, Floats(), to);
  float all[kWidth];
  hn::StoreU(vector, Floats(), all);
  for (std::size_t i = 0; i < count; ++i) to[i] = all[i];
}

/// 16 interleaved lanes: lane i holds what came in at places i, i + 16, i + 32, ...
struct Lanes {
  Vector part[kParts];
};

HWY_INLINE Lanes all_lanes(float value) {
  Lanes lanes;
  for (Vector& part : lanes.part) part = hn::Set(Floats(), value);
  return lanes;
}

HWY_INLINE Lanes load_lanes(const float* from) {
  Lanes lanes;
  for (std::size_t i = 0; i < kParts; ++i) lanes.part[i] = hn::LoadU(Floats(), from + i * kWidth);
  return lanes;
}

/// The first `count` lanes; `rest` in the others.
HWY_INLINE Lanes load_some_lanes(const float* from, std::size_t count, float rest) {
  float padded[kLanes];
  for (std::size_t i = 0; i < kLanes; ++i) padded[i] = i < count ? from[i] : rest;
  return load_lanes(padded);
}

HWY_INLINE void store_lanes(const Lanes& lanes, float* to) {
  for (std::size_t i = 0; i < kParts; ++i) hn::StoreU(lanes.part[i], Floats(), to + i * kWidth);
}

HWY_INLINE void store_some_lanes(const Lanes& lanes, float* to, std::size_t count) {
  float all[kLanes];
  store_lanes(lanes, all);
  for (std::size_t i = 0; i < count; ++i) to[i] = all[i];
}

/// Adds lanes i and i + 8, then i and i + 4, i + 2, i + 1.
HWY_INLINE float tree_sum(const Lanes& lanes) {
  float all[kLanes];
  store_lanes(lanes, all);
  for (std::size_t half = kLanes / 2; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) all[i] += all[i + half];
  }
  return all[0];
}

}  // namespace trellis::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
