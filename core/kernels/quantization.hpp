/// Weights of fewer bits: float16, bfloat16, and GGUF's block formats.
///
/// A block is 32 or 256 weights in a row. A weight is made of its level q, a few bits wide, and of
/// numbers that its group or block shares: scale d and least value m, as float16, and in the
/// formats of 256 small whole numbers s and l of each group that they are multiplied by.
///   q8_0        32 weights, 8 bits:                        d (q - 128)
///   q4_0, q5_0  32 weights, 4 and 5 bits:                  d (q - 8), d (q - 16)
///   q4_1, q5_1  32 weights, 4 and 5 bits:                  d q + m
///   q4_k, q5_k  8 groups of 32, s and l of 6 bits:         d s q - m l
///   q6_k        16 groups of 16, s of 8 bits with sign:    d s (q - 32)
/// The products are exact in float; where there is a least value the sum is rounded once. Zero is
/// +0 always. Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md and the reference
/// quantization of the same project, whose choice of d and m is repeated here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace trellis::kernels {

enum class WeightStorage {
  float32,
  float16,
  bfloat16,
  q8_0,
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q4_k,
  q5_k,
  q6_k
};

inline constexpr std::array kWeightStorages = {
    WeightStorage::float32, WeightStorage::float16, WeightStorage::bfloat16, WeightStorage::q8_0,
    WeightStorage::q4_0,    WeightStorage::q4_1,    WeightStorage::q5_0,     WeightStorage::q5_1,
    WeightStorage::q4_k,    WeightStorage::q5_k,    WeightStorage::q6_k};

/// What store_row() can make; the others only come from files.
inline constexpr std::span kRoundedStorages = std::span(kWeightStorages).first<6>();

/// As the enumerator is called.
std::string_view storage_name(WeightStorage storage);

/// What blocks of a format consist of; weights by themselves are blocks of one.
struct BlockFormat {
  std::size_t weights = 1;  ///< of a block
  std::size_t bytes = 0;    ///< of a block in a GGUF file
  std::size_t groups = 1;   ///< of a block
  int zero = 0;             ///< what is subtracted from a level
  bool has_least = false;
  int factors = 0;  ///< of a group: none, s, or s and l
  int level_bits = 0;

  constexpr std::size_t group_weights() const { return weights / groups; }
};

constexpr BlockFormat block_format(WeightStorage storage) {
  switch (storage) {
    case WeightStorage::float32:
      return {.bytes = 4};
    case WeightStorage::float16:
    case WeightStorage::bfloat16:
      return {.bytes = 2};
    case WeightStorage::q8_0:
      return {.weights = 32, .bytes = 34, .zero = 128, .level_bits = 8};
    case WeightStorage::q4_0:
      return {.weights = 32, .bytes = 18, .zero = 8, .level_bits = 4};
    case WeightStorage::q4_1:
      return {.weights = 32, .bytes = 20, .has_least = true, .level_bits = 4};
    case WeightStorage::q5_0:
      return {.weights = 32, .bytes = 22, .zero = 16, .level_bits = 5};
    case WeightStorage::q5_1:
      return {.weights = 32, .bytes = 24, .has_least = true, .level_bits = 5};
    case WeightStorage::q4_k:
      return {.weights = 256,
              .bytes = 144,
              .groups = 8,
              .has_least = true,
              .factors = 2,
              .level_bits = 4};
    case WeightStorage::q5_k:
      return {.weights = 256,
              .bytes = 176,
              .groups = 8,
              .has_least = true,
              .factors = 2,
              .level_bits = 5};
    case WeightStorage::q6_k:
      return {
          .weights = 256, .bytes = 210, .groups = 16, .zero = 32, .factors = 1, .level_bits = 6};
  }
  return {};
}

constexpr std::size_t block_size(WeightStorage storage) {
  return block_format(storage).weights;
}

/// Bytes of a row of so many weights in a GGUF file, its last block being filled up.
constexpr std::size_t row_bytes(WeightStorage storage, std::size_t weights) {
  const BlockFormat format = block_format(storage);
  return (weights + format.weights - 1) / format.weights * format.bytes;
}

/// A row as a GGUF file holds it; out // [row_bytes(storage, row.size())]. Rounds to the nearest;
/// a block's scale is its greatest weight (the greatest in size, for q4_1 what lies between the
/// least and the greatest) over the greatest q. Throws Error (bad_data) for weights that are not
/// finite or beyond what the format can hold. Precondition: one of kRoundedStorages.
void store_row(WeightStorage storage, std::span<const float> row, std::span<std::byte> out);

/// The row's weights again. out.size() of them.
void load_row(WeightStorage storage, std::span<const std::byte> row, std::span<float> out);

}  // namespace trellis::kernels
