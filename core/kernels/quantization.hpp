/// Weights of fewer bits: float16, bfloat16, and three of GGUF's block formats.
///
/// A block is 32 weights in a row that share a scale d, and q4_1 also a least value m, as float16:
///   q8_0  d, then 32 signed bytes q:                          weight = d q
///   q4_0  d, then 16 bytes; byte j holds q of weights j (low  weight = d (q - 8)
///         half) and j + 16 (high half)
///   q4_1  d, m, then 16 bytes likewise:                       weight = d q + m
/// The products are exact in float; the sum of q4_1 is rounded once. Zero is +0 always.
/// Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md and the reference quantization
/// of the same project, whose choice of d and m is repeated here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace trellis::kernels {

enum class WeightStorage { float32, float16, bfloat16, q8_0, q4_0, q4_1 };

inline constexpr std::array kWeightStorages = {WeightStorage::float32,  WeightStorage::float16,
                                               WeightStorage::bfloat16, WeightStorage::q8_0,
                                               WeightStorage::q4_0,     WeightStorage::q4_1};

/// As the enumerator is called.
std::string_view storage_name(WeightStorage storage);

/// Weights of a block; 1 where every weight is by itself.
std::size_t block_size(WeightStorage storage);
/// Bytes of a block in a GGUF file.
std::size_t block_bytes(WeightStorage storage);
/// Bytes of a row of so many weights, its last block being filled up.
std::size_t row_bytes(WeightStorage storage, std::size_t weights);

/// A row as a GGUF file holds it; out // [row_bytes(storage, row.size())]. Rounds to the nearest;
/// a block's scale is its greatest weight (the greatest in size, for q4_1 what lies between the
/// least and the greatest) over the greatest q. Throws Error (bad_data) for weights that are not
/// finite or beyond what the format can hold.
void store_row(WeightStorage storage, std::span<const float> row, std::span<std::byte> out);

/// The row's weights again. out.size() of them.
void load_row(WeightStorage storage, std::span<const std::byte> row, std::span<float> out);

/// One block of a block format, taken apart.
struct QuantizedBlock {
  std::uint16_t scale = 0;                ///< float16
  std::uint16_t least = 0;                ///< float16, of q4_1; else 0
  std::array<std::uint8_t, 32> levels{};  ///< q; of q8_0 q + 128
};
QuantizedBlock read_block(WeightStorage storage, const std::byte* block);

/// The weight of a level, for all block formats.
float weight_of(WeightStorage storage, std::uint16_t scale, std::uint16_t least,
                std::uint8_t level);

}  // namespace trellis::kernels
