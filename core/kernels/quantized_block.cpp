#include "core/kernels/quantized_block.hpp"

#include <cstring>

#include "core/kernels/half.hpp"

namespace trellis::kernels {
namespace {

unsigned byte_at(const std::byte* at) {
  return std::to_integer<unsigned>(*at);
}

std::uint16_t half_at(const std::byte* at) {
  std::uint16_t half = 0;
  std::memcpy(&half, at, sizeof(half));
  return half;
}

// `bytes` of them; each holds a level of `level` in its low half and one `apart` further on in its
// high half.
void read_nibbles(const std::byte* from, std::size_t bytes, std::size_t apart,
                  std::uint8_t* level) {
  for (std::size_t i = 0; i < bytes; ++i) {
    const unsigned both = byte_at(from + i);
    level[i] = static_cast<std::uint8_t>(both & 15U);
    level[i + apart] = static_cast<std::uint8_t>(both >> 4U);
  }
}

// The 32 high bits of q5_0 and q5_1, one of each level in turn.
void read_high_bits(const std::byte* from, std::uint8_t* level) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, from, sizeof(bits));
  for (std::size_t i = 0; i < 32; ++i)
    level[i] = static_cast<std::uint8_t>(level[i] | ((bits >> i & 1U) << 4U));
}

// 16 numbers of 6 bits in 12 bytes: the first four of each kind in the low bits of bytes 0-3 and
// 4-7, the others in the halves of bytes 8-11 and the upper pairs of bits of the former.
void read_factors(const std::byte* packed, std::array<std::uint8_t, 16>& factors) {
  for (std::size_t i = 0; i < 4; ++i) {
    const unsigned first = byte_at(packed + i);
    const unsigned second = byte_at(packed + 4 + i);
    const unsigned third = byte_at(packed + 8 + i);
    factors[i] = static_cast<std::uint8_t>(first & 63U);
    factors[8 + i] = static_cast<std::uint8_t>(second & 63U);
    factors[4 + i] = static_cast<std::uint8_t>((third & 15U) | (first >> 6U << 4U));
    factors[12 + i] = static_cast<std::uint8_t>((third >> 4U) | (second >> 6U << 4U));
  }
}

// The levels of q4_k and, with bit g of each of 32 bytes for group g, of q5_k.
void read_eight_groups(const std::byte* high, const std::byte* low, std::uint8_t* level) {
  for (std::size_t pair = 0; pair < 4; ++pair)
    read_nibbles(low + pair * 32, 32, 32, level + pair * 64);
  if (high == nullptr) return;
  for (std::size_t group = 0; group < 8; ++group) {
    for (std::size_t i = 0; i < 32; ++i) {
      const unsigned bit = byte_at(high + i) >> group & 1U;
      level[group * 32 + i] = static_cast<std::uint8_t>(level[group * 32 + i] | bit << 4U);
    }
  }
}

// The levels of q6_k: two halves of 64 bytes of low halves and 32 bytes of four pairs of high bits.
void read_six_bits(const std::byte* low, const std::byte* high, std::uint8_t* level) {
  for (std::size_t half = 0; half < 2; ++half) {
    read_nibbles(low + half * 64, 64, 64, level + half * 128);
    for (std::size_t i = 0; i < 128; ++i) {
      const unsigned pair = byte_at(high + half * 32 + i % 32) >> (i / 32 * 2) & 3U;
      auto& whole = level[half * 128 + i];
      whole = static_cast<std::uint8_t>(whole | pair << 4U);
    }
  }
}

}  // namespace

void read_block(WeightStorage storage, const std::byte* block, QuantizedBlock& into) {
  std::uint8_t* level = into.levels.data();
  if (storage == WeightStorage::q6_k) {
    read_six_bits(block, block + 128, level);
    std::memcpy(into.factors.data(), block + 192, 16);
    into.scale = half_at(block + 208);
    return;
  }
  const BlockFormat format = block_format(storage);
  into.scale = half_at(block);
  block += 2;
  if (format.has_least) {
    into.least = half_at(block);
    block += 2;
  }
  switch (storage) {
    case WeightStorage::q8_0:
      for (std::size_t i = 0; i < 32; ++i)
        level[i] = static_cast<std::uint8_t>(byte_at(block + i) ^ 0x80U);
      break;
    case WeightStorage::q5_0:
    case WeightStorage::q5_1:
      read_nibbles(block + 4, 16, 16, level);
      read_high_bits(block, level);
      break;
    case WeightStorage::q4_k:
      read_factors(block, into.factors);
      read_eight_groups(nullptr, block + 12, level);
      break;
    case WeightStorage::q5_k:
      read_factors(block, into.factors);
      read_eight_groups(block + 12, block + 44, level);
      break;
    default:
      read_nibbles(block, 16, 16, level);
      break;
  }
}

void weights_of(WeightStorage storage, const QuantizedBlock& block, std::span<float> out) {
  const BlockFormat format = block_format(storage);
  const float scale = from_float16(block.scale);
  const float least = from_float16(block.least);
  const std::size_t size = format.group_weights();
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t group = i / size;
    float group_scale = scale;
    float group_least = least;
    if (format.factors == 1)
      group_scale *= static_cast<float>(static_cast<std::int8_t>(block.factors[group]));
    if (format.factors == 2) {
      group_scale *= static_cast<float>(block.factors[group]);
      group_least = 0.0F - least * static_cast<float>(block.factors[format.groups + group]);
    }
    const float product = group_scale * static_cast<float>(block.levels[i] - format.zero);
    out[i] = product + group_least;  // where there is no least value, of -0 the +0
  }
}

}  // namespace trellis::kernels
