/// Gumbel noise for tokens, counter-based: the noise of a token is a function of key, position and
/// token id alone, however much of it is asked for at once.
///
/// Philox 4x32-10 (Salmon, Moraes, Dror, Shaw 2011): one counter gives four tokens their noise.
/// The same bits with every vector instruction.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace trellis::kernels {

/// Where noise is drawn. `use` keeps what counters are used for apart.
struct NoisePlace {
  std::array<std::uint32_t, 2> key{};
  std::uint32_t use = 0;
  std::uint64_t position = 0;
};

/// Standard Gumbel noise of the token ids 0..out.size()-1: -log(-log u) with u in the middle of one
/// of 2^32 equal steps of (0, 1), so always finite: in [-3.2, 22.9].
void gumbel_noise(const NoisePlace& place, std::span<float> out);

/// The noise of the listed token ids, each at least 0. Sizes must be equal.
void gumbel_noise_of(const NoisePlace& place, std::span<const std::int32_t> tokens,
                     std::span<float> out);

/// The index of the greatest scores[i] + noise of i, the lowest of equals; NaN counts as -infinity.
/// At least one score. Only the noise that can decide is worked out.
std::size_t gumbel_argmax(const NoisePlace& place, std::span<const float> scores);

}  // namespace trellis::kernels
