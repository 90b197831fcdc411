/// Counter-based random numbers: every draw is a pure function of where it is used.
///
/// Philox 4x32-10 (Salmon, Moraes, Dror, Shaw 2011). Two strategies that look at the same token of
/// the same place of the same sample see the same noise (common random numbers), so their outputs
/// differ only where their distributions do, and results do not depend on batching or order.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "core/kernels/gumbel.hpp"

namespace trellis::decode {

/// The block function, as published.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key);

/// Where noise is drawn: everything but position and token.
struct NoiseKey {
  std::uint64_t seed = 0;
  std::uint64_t example = 0;
  std::uint32_t sample = 0;
  std::uint64_t stream = 0;  ///< 0: shared by all arms
  std::uint32_t turn = 0;    ///< of a conversation
};

/// The place of a token's Gumbel noise, for core/kernels/gumbel.hpp.
kernels::NoisePlace gumbel_place(const NoiseKey& key, std::uint64_t position);

/// Standard Gumbel noise for token ids 0..out.size()-1 at a position. Always finite.
void gumbel_noise(const NoiseKey& key, std::uint64_t position, std::span<float> out);

/// A number in [0, 1) for a choice that is not about a token.
double uniform_noise(const NoiseKey& key, std::uint64_t position, std::uint32_t draw);

}  // namespace trellis::decode
