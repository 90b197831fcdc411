#include "core/formats/stored_blocks.hpp"

#include <array>
#include <cstdint>
#include <cstring>

#include "core/kernels/half.hpp"

namespace trellis::formats {
namespace {

constexpr std::size_t kGroups = 8;  // of q4_k and q5_k
constexpr std::size_t kGroup = 32;  // weights of each
constexpr std::size_t kScaleBytes = 12;

float half_at(const std::byte* at) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, at, sizeof bits);
  return kernels::from_float16(bits);
}

unsigned byte_at(const std::byte* at) {
  return std::to_integer<unsigned>(*at);
}

// Of 32 weights the low halves: byte i holds those of i and i + 16.
unsigned low_half(const std::byte* halves, std::size_t i) {
  return (byte_at(halves + i % 16) >> (i < 16 ? 0U : 4U)) & 15U;
}

std::uint32_t word_at(const std::byte* at) {
  std::uint32_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

struct GroupScales {
  std::array<unsigned, kGroups> scales;
  std::array<unsigned, kGroups> least;
};

// 16 numbers of 6 bits in 12 bytes: the first four of each kind in the low bits of bytes 0-3 and
// 4-7, the others in the halves of bytes 8-11 and the upper pairs of bits of the former.
GroupScales unpack_scales(const std::byte* packed) {
  GroupScales result{};
  for (std::size_t i = 0; i < 4; ++i) {
    const unsigned first = byte_at(packed + i);
    const unsigned second = byte_at(packed + 4 + i);
    const unsigned third = byte_at(packed + 8 + i);
    result.scales[i] = first & 63U;
    result.least[i] = second & 63U;
    result.scales[4 + i] = (third & 15U) | (first >> 6U << 4U);
    result.least[4 + i] = (third >> 4U) | (second >> 6U << 4U);
  }
  return result;
}

// Weight i of group g: of the 32 bytes that groups 2 n and 2 n + 1 share, the low half or the high.
unsigned k_low_half(const std::byte* halves, std::size_t group, std::size_t i) {
  return (byte_at(halves + group / 2 * kGroup + i) >> (group % 2 == 0 ? 0U : 4U)) & 15U;
}

}  // namespace

void expand_q5_0(const std::byte* block, std::span<float> out) {
  const float scale = half_at(block);
  const std::uint32_t high = word_at(block + 2);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const unsigned level = low_half(block + 6, i) | ((high >> i & 1U) << 4U);
    out[i] = scale * static_cast<float>(static_cast<int>(level) - 16);
  }
}

void expand_q5_1(const std::byte* block, std::span<float> out) {
  const float scale = half_at(block);
  const float least = half_at(block + 2);
  const std::uint32_t high = word_at(block + 4);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const unsigned level = low_half(block + 8, i) | ((high >> i & 1U) << 4U);
    out[i] = scale * static_cast<float>(level) + least;
  }
}

void expand_q4_k(const std::byte* block, std::span<float> out) {
  const float scale = half_at(block);
  const float least = half_at(block + 2);
  const GroupScales groups = unpack_scales(block + 4);
  for (std::size_t group = 0; group < kGroups; ++group) {
    const float d = scale * static_cast<float>(groups.scales[group]);
    const float m = least * static_cast<float>(groups.least[group]);
    for (std::size_t i = 0; i < kGroup; ++i) {
      const unsigned level = k_low_half(block + 4 + kScaleBytes, group, i);
      out[group * kGroup + i] = d * static_cast<float>(level) - m;
    }
  }
}

void expand_q5_k(const std::byte* block, std::span<float> out) {
  const float scale = half_at(block);
  const float least = half_at(block + 2);
  const GroupScales groups = unpack_scales(block + 4);
  const std::byte* high = block + 4 + kScaleBytes;
  for (std::size_t group = 0; group < kGroups; ++group) {
    const float d = scale * static_cast<float>(groups.scales[group]);
    const float m = least * static_cast<float>(groups.least[group]);
    for (std::size_t i = 0; i < kGroup; ++i) {
      const unsigned level =
          k_low_half(high + kGroup, group, i) | ((byte_at(high + i) >> group & 1U) << 4U);
      out[group * kGroup + i] = d * static_cast<float>(level) - m;
    }
  }
}

void expand_q6_k(const std::byte* block, std::span<float> out) {
  const std::byte* low = block;
  const std::byte* high = block + 128;
  const std::byte* scales = block + 192;
  const float scale = half_at(block + 208);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t half = i / 128;  // 64 bytes of low halves, 32 of high bits each
    const std::size_t quarter = i % 128 / 32;
    const std::size_t column = i % 32;
    const unsigned lower =
        byte_at(low + half * 64 + quarter % 2 * 32 + column) >> (quarter < 2 ? 0U : 4U) & 15U;
    const unsigned upper = byte_at(high + half * 32 + column) >> (2 * quarter) & 3U;
    const auto level = static_cast<int>(lower | (upper << 4U)) - 32;
    const auto group = static_cast<std::int8_t>(byte_at(scales + i / 16));
    out[i] = scale * static_cast<float>(group) * static_cast<float>(level);
  }
}

}  // namespace trellis::formats
