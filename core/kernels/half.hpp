/// Numbers of 16 bits: IEEE 754 binary16 and bfloat16, to and from float. Rounding is to the
/// nearest, ties to even; every 16-bit number is a float exactly. NaN stays NaN.
#pragma once

#include <bit>
#include <cstdint>

namespace trellis::kernels {

inline std::uint16_t to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffU) > 0x7f800000U) return static_cast<std::uint16_t>((bits >> 16) | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
}

inline float from_bfloat16(std::uint16_t half) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16);
}

/// From 65520 on it gives infinity.
inline std::uint16_t to_float16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000U;
  const std::uint32_t size = bits & 0x7fffffffU;
  std::uint32_t half = 0;
  if (size > 0x7f800000U) {
    half = 0x7e00U;
  } else if (size >= 0x477ff000U) {
    half = 0x7c00U;
  } else if (size < 0x38800000U) {
    // Below 2^-14 the spacing is 2^-24, which is that of floats around a half.
    half = std::bit_cast<std::uint32_t>(std::bit_cast<float>(size) + 0.5F) - 0x3f000000U;
  } else {
    half = (size - (112U << 23) + 0xfffU + ((size >> 13) & 1U)) >> 13;
  }
  return static_cast<std::uint16_t>(sign | half);
}

inline float from_float16(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000U) << 16;
  const std::uint32_t shifted = (half & 0x7fffU) << 13;
  if (shifted >= 0x0f800000U) return std::bit_cast<float>(sign | 0x70000000U | shifted);
  // The exponent's bias is 112 less; by a product, as that suits subnormal numbers too.
  return std::bit_cast<float>(
      std::bit_cast<std::uint32_t>(std::bit_cast<float>(shifted) * 0x1p112F) | sign);
}

}  // namespace trellis::kernels
