/// Weights of fewer bits to floats, a stretch of a panel at a time; included once for each Highway
/// target. Bit for bit what quantized_block.hpp's weights_of() gives.
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

/// A level whose lowest kBits bits begin at bit kPlace of a word and whose kHigh bits above them
/// stand as much higher in another: as the fraction of 2^(23 - kPlace), it makes the float 2^(23 -
/// kPlace) + level without a conversion.
template <int kBits, int kHigh, int kPlace>
struct Level {
  static constexpr float kBase = static_cast<float>(1U << (23 - kPlace));

  static HWY_INLINE Vector float_of(hn::Vec<Words> word, hn::Vec<Words> high) {
    const Words d;
    const auto mask = hn::Set(d, ((1U << kBits) - 1U) << kPlace);
    const auto base = hn::BitCast(d, hn::Set(Floats(), kBase));
    auto joined = hn::OrAnd(base, word, mask);
    if constexpr (kHigh > 0) {
      joined = hn::OrAnd(joined, high, hn::Set(d, ((1U << kHigh) - 1U) << (kPlace + kBits)));
    }
    return hn::BitCast(Floats(), joined);
  }
  /// scale * (level - zero). The offset is exact for all scales in use: 11 bits of a float16 times
  /// 13 bits or fewer, or those of a group's scale times a power of two. The fused operation then
  /// has an exact result, too.
  static HWY_INLINE Vector scaled(hn::Vec<Words> word, hn::Vec<Words> high, Vector scale,
                                  float zero) {
#if HWY_TARGET == HWY_SSE4
    const Vector level = hn::Sub(float_of(word, high), hn::Set(Floats(), kBase + zero));
    return hn::Add(hn::Mul(level, scale), hn::Zero(Floats()));  // -0 becomes 0
#else
    const Vector offset = hn::Mul(scale, hn::Set(Floats(), -(kBase + zero)));
    return multiply_add(float_of(word, high), scale, offset);
#endif
  }
};

/// The eight weights of each word of 4-bit levels, from the lowest bits on. `high`: of the level at
/// bit 4 j the kHigh bits above it, from bit 4 j on.
template <int kHigh, typename Store>
HWY_INLINE void expand_nibbles(hn::Vec<Words> word, hn::Vec<Words> high, Vector scale, float zero,
                               const Store& store) {
  const auto left = hn::ShiftLeft<8>(word);
  const auto right = hn::ShiftRight<12>(word);
  const auto left_high = hn::ShiftLeft<12>(high);
  const auto middle_high = hn::ShiftLeft<4>(high);
  const auto right_high = hn::ShiftRight<8>(high);
  store(0, Level<4, kHigh, 8>::scaled(left, left_high, scale, zero));
  store(1, Level<4, kHigh, 12>::scaled(left, left_high, scale, zero));
  store(2, Level<4, kHigh, 8>::scaled(word, middle_high, scale, zero));
  store(3, Level<4, kHigh, 12>::scaled(word, middle_high, scale, zero));
  store(4, Level<4, kHigh, 16>::scaled(word, middle_high, scale, zero));
  store(5, Level<4, kHigh, 8>::scaled(right, right_high, scale, zero));
  store(6, Level<4, kHigh, 12>::scaled(right, right_high, scale, zero));
  store(7, Level<4, kHigh, 16>::scaled(right, right_high, scale, zero));
}

/// The four weights of each word of 8-bit levels.
template <typename Store>
HWY_INLINE void expand_bytes(hn::Vec<Words> word, Vector scale, const Store& store) {
  const auto right = hn::ShiftRight<12>(word);
  store(0, Level<8, 0, 8>::scaled(hn::ShiftLeft<8>(word), word, scale, 128));
  store(1, Level<8, 0, 8>::scaled(word, word, scale, 128));
  store(2, Level<8, 0, 4>::scaled(right, word, scale, 128));
  store(3, Level<8, 0, 12>::scaled(right, word, scale, 128));
}

/// Eight bits of each of a vector of outputs.
template <typename Byte>
HWY_INLINE Vector expand_factors(const std::byte* from) {
  const hn::Rebind<Byte, Floats> d;
  const auto bytes = hn::LoadU(d, reinterpret_cast<const Byte*>(from));
  return hn::ConvertTo(Floats(), hn::PromoteTo(Integers(), bytes));
}

/// What turns the levels of a vector of outputs into weights, in one group of inputs.
template <WeightStorage kStorage>
struct GroupScale {
  static constexpr BlockFormat kFormat = block_format(kStorage);
  static constexpr PackedBlock kPacked = packed_block(kStorage);
  // Where the group's scale takes many bits, what is subtracted from its levels goes into the least
  // value.
  static constexpr bool kLeast = kFormat.has_least || kFormat.factors > 0;
  static constexpr float kZero = kLeast ? 0.0F : static_cast<float>(kFormat.zero);

  Vector scale;
  Vector least;
  hn::Vec<Words> high;

  HWY_INLINE void load(const std::byte* block, const std::byte* group, std::size_t column) {
    const auto* scales = reinterpret_cast<const std::uint16_t*>(block);
    scale = expand_float16(scales + column);
    least = hn::Zero(Floats());
    high = hn::Zero(Words());
    if constexpr (kFormat.has_least) least = expand_float16(scales + kColumns + column);
    if constexpr (kFormat.factors == 1) {
      scale = hn::Mul(scale, expand_factors<std::int8_t>(group + column));
      least = hn::Mul(scale, hn::Set(Floats(), static_cast<float>(-kFormat.zero)));
    }
    if constexpr (kFormat.factors == 2) {
      scale = hn::Mul(scale, expand_factors<std::uint8_t>(group + column));
      least = hn::Mul(least, expand_factors<std::uint8_t>(group + kColumns + column));
      least = hn::Sub(hn::Zero(Floats()), least);
    }
    if constexpr (kPacked.high_words > 0) {
      high = hn::LoadU(Words(),
                       reinterpret_cast<const std::uint32_t*>(group + kPacked.high_at()) + column);
    }
  }
  /// Hands the weights of each input of word `index` to take(index within the word, weights).
  template <typename Take>
  HWY_INLINE void expand(hn::Vec<Words> word, std::size_t index, const Take& take) const {
    if constexpr (kStorage == WeightStorage::q8_0) {
      expand_bytes(word, scale, take);
    } else {
      auto above = high;
      if constexpr (kPacked.high_words > 0) {
        above = hn::ShiftRightSame(high, static_cast<int>(kPacked.high_bits * index));
      }
      expand_nibbles<static_cast<int>(kPacked.high_bits)>(
          word, above, scale, kZero, [&](std::size_t level, Vector weight) HWY_ATTR {
            take(level, kLeast ? hn::Add(weight, least) : weight);
          });
    }
  }
};

template <WeightStorage kStorage>
void expand_blocks(const std::byte* from, std::size_t inputs, const std::byte* next, float* out) {
  constexpr PackedBlock kPacked = packed_block(kStorage);
  for (std::size_t k = 0; k < inputs; k += kPacked.inputs) {
    const std::byte* group = from + kPacked.head;
    for (std::size_t g = 0; g < kPacked.groups; ++g) {
      for (std::size_t line = 0; line < kPacked.bytes() / kPacked.groups; line += 64) {
        __builtin_prefetch(next + line, 0, 2);
      }
      HWY_UNROLL(1)
      for (std::size_t column = 0; column < kColumns; column += kWidth) {
        GroupScale<kStorage> scale;
        scale.load(from, group, column);
        const auto* words =
            reinterpret_cast<const std::uint32_t*>(group + kPacked.words_at()) + column;
        HWY_UNROLL(4)
        for (std::size_t i = 0; i < kPacked.words; ++i) {
          const auto word = hn::LoadU(Words(), words + i * kColumns);
          float* to = out + i * kPacked.word_inputs * kColumns + column;
          scale.expand(word, i, [&](std::size_t level, Vector weight) HWY_ATTR {
            hn::StoreU(weight, Floats(), to + level * kColumns);
          });
        }
      }
      group += kPacked.group_bytes();
      next += kPacked.bytes() / kPacked.groups;
      out += kPacked.group_inputs() * kColumns;
    }
    from += kPacked.bytes();
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
    case WeightStorage::q5_0:
      return expand_blocks<WeightStorage::q5_0>(from, inputs, next, out);
    case WeightStorage::q5_1:
      return expand_blocks<WeightStorage::q5_1>(from, inputs, next, out);
    case WeightStorage::q4_k:
      return expand_blocks<WeightStorage::q4_k>(from, inputs, next, out);
    case WeightStorage::q5_k:
      return expand_blocks<WeightStorage::q5_k>(from, inputs, next, out);
    case WeightStorage::q6_k:
      return expand_blocks<WeightStorage::q6_k>(from, inputs, next, out);
  }
}

}  // namespace trellis::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
