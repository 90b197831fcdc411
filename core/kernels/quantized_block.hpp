/// One block of a block format, taken apart: between the bytes of a file and those of a panel.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/kernels/quantization.hpp"

namespace trellis::kernels {

/// The letters are those of quantization.hpp.
struct QuantizedBlock {
  std::uint16_t scale = 0;                 ///< d, float16
  std::uint16_t least = 0;                 ///< m, float16
  std::array<std::uint8_t, 16> factors{};  ///< s of all groups, then l of all groups
  std::array<std::uint8_t, 256> levels{};  ///< q
};

/// block // [block_format(storage).bytes], as a GGUF file has it. What the format does not have
/// stays as it was, so that one `into` serves a whole file. Precondition: a block format.
void read_block(WeightStorage storage, const std::byte* block, QuantizedBlock& into);

/// The weights of the block's first out.size() levels.
void weights_of(WeightStorage storage, const QuantizedBlock& block, std::span<float> out);

}  // namespace trellis::kernels
