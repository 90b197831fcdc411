/// Weights of fewer bits to floats, a stretch of a panel at a time; included once for each Highway
/// target. Bit for bit what quantization.hpp's weight_of() gives.
#if defined(TRELLIS_CORE_KERNELS_EXPAND_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TRELLIS_CORE_KERNELS_EXPAND_INL_HPP
#undef TRELLIS_CORE_KERNELS_EXPAND_INL_HPP
#else
#define TRELLIS_CORE_KERNELS_EXPAND_INL_HPP
#endif

#include <cstddef>
#include <cstdint>

#include "core/kernels/packed_weights.hpp"
#include "core/kernels/vector-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace trellis::kernels::HWY_NAMESPACE {

inline constexpr std::size_t kColumns = PackedWeights::kPanel;
inline constexpr std::size_t kBlockInputs = 32;

using Words = hn::RebindToUnsigned<Floats>;
using Integers = hn::RebindToSigned<Floats>;
using Halves = hn::Rebind<std::uint16_t, Floats>;

HWY_INLINE Vector expand_float16(const std::uint16_t* from) {
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128 || HWY_TARGET == HWY_SSE4
  // As from_float16(): what takes the place of a missing instruction knows no infinity.
  const Words d;
  const auto half = hn::PromoteTo(d, hn::LoadU(Halves(), from));
  const auto shifted = hn::ShiftLeft<13>(hn::And(half, hn::Set(d, 0x7fffU)));
  const auto sign = hn::ShiftLeft<16>(hn::And(half, hn::Set(d, 0x8000U)));
  const Vector finite = hn::Mul(hn::BitCast(Floats(), shifted), hn::Set(Floats(), 0x1p112F));
  const auto other = hn::Or(shifted, hn::Set(d, 0x70000000U));
  const auto is_finite = hn::Lt(hn::BitCast(Integers(), shifted), hn::Set(Integers(), 0x0f800000));
  const auto size = hn::IfThenElse(hn::RebindMask(d, is_finite), hn::BitCast(d, finite), other);
  return hn::BitCast(Floats(), hn::Or(size, sign));
#else
  const hn::Rebind<hwy::float16_t, Floats> d;
  return hn::PromoteTo(Floats(), hn::BitCast(d, hn::LoadU(Halves(), from)));
#endif
}

HWY_INLINE Vector expand_bfloat16(const std::uint16_t* from) {
  const auto wide = hn::PromoteTo(Words(), hn::LoadU(Halves(), from));
  return hn::BitCast(Floats(), hn::ShiftLeft<16>(wide));
}

template <Vector (*kExpand)(const std::uint16_t*)>
void expand_halves(const std::uint16_t* from, std::size_t inputs, const std::byte* next,
                   float* out) {
  for (std::size_t k = 0; k < inputs; ++k) {
    __builtin_prefetch(next + k * kColumns * sizeof(std::uint16_t), 0, 2);
    HWY_UNROLL(8)
    for (std::size_t column = 0; column < kColumns; column += kWidth) {
      const std::size_t place = k * kColumns + column;
      hn::StoreU(kExpand(from + place), Floats(), out + place);
    }
  }
}

/// A level of kBits bits that begins at bit kPlace of a word: as the fraction of 2^(23 - kPlace),
/// it makes the float 2^(23 - kPlace) + level without a conversion.
template <int kBits, int kPlace>
struct Level {
  static constexpr float kBase = static_cast<float>(1U << (23 - kPlace));

  static HWY_INLINE Vector float_of(hn::Vec<Words> word) {
    const Words d;
    const auto mask = hn::Set(d, ((1U << kBits) - 1U) << kPlace);
    const auto base = hn::BitCast(d, hn::Set(Floats(), kBase));
    return hn::BitCast(Floats(), hn::OrAnd(base, word, mask));
  }
  /// scale * (level - zero). The offset is exact for all scales in use: 11 bits of a float16 times
  /// 13 bits or fewer. The fused operation then has an exact result, too.
  static HWY_INLINE Vector scaled(hn::Vec<Words> word, Vector scale, float zero) {
#if HWY_TARGET == HWY_SSE4
    const Vector level = hn::Sub(float_of(word), hn::Set(Floats(), kBase + zero));
    return hn::Add(hn::Mul(level, scale), hn::Zero(Floats()));  // -0 becomes 0
#else
    const Vector offset = hn::Mul(scale, hn::Set(Floats(), -(kBase + zero)));
    return multiply_add(float_of(word), scale, offset);
#endif
  }
};

/// The eight weights of each word of 4-bit levels, from the lowest bits on.
template <typename Store>
HWY_INLINE void expand_nibbles(hn::Vec<Words> word, Vector scale, float zero, const Store& store) {
  const auto left = hn::ShiftLeft<8>(word);
  const auto right = hn::ShiftRight<12>(word);
  store(0, Level<4, 8>::scaled(left, scale, zero));
  store(1, Level<4, 12>::scaled(left, scale, zero));
  store(2, Level<4, 8>::scaled(word, scale, zero));
  store(3, Level<4, 12>::scaled(word, scale, zero));
  store(4, Level<4, 16>::scaled(word, scale, zero));
  store(5, Level<4, 8>::scaled(right, scale, zero));
  store(6, Level<4, 12>::scaled(right, scale, zero));
  store(7, Level<4, 16>::scaled(right, scale, zero));
}

/// The four weights of each word of 8-bit levels.
template <typename Store>
HWY_INLINE void expand_bytes(hn::Vec<Words> word, Vector scale, const Store& store) {
  const auto right = hn::ShiftRight<12>(word);
  store(0, Level<8, 8>::scaled(hn::ShiftLeft<8>(word), scale, 128));
  store(1, Level<8, 8>::scaled(word, scale, 128));
  store(2, Level<8, 4>::scaled(right, scale, 128));
  store(3, Level<8, 12>::scaled(right, scale, 128));
}

/// How 32 inputs of a panel are stored in 4 or 8 bits each.
template <WeightStorage kStorage>
struct QuantizedLayout {
  static constexpr bool kLeast = kStorage == WeightStorage::q4_1;
  static constexpr std::size_t kLevels = kStorage == WeightStorage::q8_0 ? 4 : 8;  // in a word
  static constexpr std::size_t kWords = kBlockInputs / kLevels;                    // of an output
  static constexpr std::size_t kHead = (kLeast ? 2 : 1) * kColumns * sizeof(std::uint16_t);
  static constexpr std::size_t kBytes = kHead + kWords * kColumns * sizeof(std::uint32_t);

  static const std::uint32_t* words(const std::byte* block) {
    return reinterpret_cast<const std::uint32_t*>(block + kHead);
  }
};

/// What turns the levels of a vector of outputs into weights.
template <WeightStorage kStorage>
struct BlockScale {
  Vector scale;
  Vector least;

  HWY_INLINE void load(const std::byte* block, std::size_t column) {
    const auto* scales = reinterpret_cast<const std::uint16_t*>(block);
    scale = expand_float16(scales + column);
    least = hn::Zero(Floats());
    if constexpr (kStorage == WeightStorage::q4_1) {
      least = expand_float16(scales + kColumns + column);
    }
  }
  /// Hands each input's weights to take(index within the word, weights).
  template <typename Take>
  HWY_INLINE void expand(hn::Vec<Words> word, const Take& take) const {
    if constexpr (kStorage == WeightStorage::q8_0) {
      expand_bytes(word, scale, take);
    } else if constexpr (kStorage == WeightStorage::q4_0) {
      expand_nibbles(word, scale, 8.0F, take);
    } else {
      expand_nibbles(word, scale, 0.0F, [&](std::size_t level, Vector weight) HWY_ATTR {
        take(level, hn::Add(weight, least));
      });
    }
  }
};

template <WeightStorage kStorage>
void expand_blocks(const std::byte* from, std::size_t inputs, const std::byte* next, float* out) {
  using Layout = QuantizedLayout<kStorage>;
  for (std::size_t k = 0; k < inputs; k += kBlockInputs) {
    for (std::size_t line = 0; line < Layout::kBytes; line += 64) {
      __builtin_prefetch(next + line, 0, 2);
    }
    HWY_UNROLL(1)
    for (std::size_t column = 0; column < kColumns; column += kWidth) {
      BlockScale<kStorage> scale;
      scale.load(from, column);
      HWY_UNROLL(4)
      for (std::size_t i = 0; i < Layout::kWords; ++i) {
        const auto word = hn::LoadU(Words(), Layout::words(from) + i * kColumns + column);
        float* to = out + i * Layout::kLevels * kColumns + column;
        scale.expand(word, [&](std::size_t level, Vector weight)
                               HWY_ATTR { hn::StoreU(weight, Floats(), to + level * kColumns); });
      }
    }
    from += Layout::kBytes;
    next += Layout::kBytes;
    out += kBlockInputs * kColumns;
  }
}

/// `inputs` inputs of a panel from `from` on, which is a block's beginning; blocks are expanded
/// whole. out // [inputs][kColumns]. Meanwhile as many bytes are fetched from `next` on.
inline void expand(WeightStorage storage, const std::byte* from, std::size_t inputs,
                   const std::byte* next, float* out) {
  switch (storage) {
    case WeightStorage::float32:
      return;
    case WeightStorage::float16:
      return expand_halves<expand_float16>(reinterpret_cast<const std::uint16_t*>(from), inputs,
                                           next, out);
    case WeightStorage::bfloat16:
      return expand_halves<expand_bfloat16>(reinterpret_cast<const std::uint16_t*>(from), inputs,
                                            next, out);
    case WeightStorage::q8_0:
      return expand_blocks<WeightStorage::q8_0>(from, inputs, next, out);
    case WeightStorage::q4_0:
      return expand_blocks<WeightStorage::q4_0>(from, inputs, next, out);
    case WeightStorage::q4_1:
      return expand_blocks<WeightStorage::q4_1>(from, inputs, next, out);
  }
}

}  // namespace trellis::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
