/// The innermost loop of linear layers for few rows and weights of 4 to 8 bits: these become floats
/// in registers and are used there, so that what is read from memory is what is stored. Included
/// once for each Highway target.
#if defined(TRELLIS_CORE_KERNELS_LINEAR_QUANTIZED_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TRELLIS_CORE_KERNELS_LINEAR_QUANTIZED_INL_HPP
#undef TRELLIS_CORE_KERNELS_LINEAR_QUANTIZED_INL_HPP
#else
#define TRELLIS_CORE_KERNELS_LINEAR_QUANTIZED_INL_HPP
#endif

#include <array>
#include <cstddef>
#include <utility>

#include "core/kernels/expand-inl.hpp"
#include "core/kernels/linear_block-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace trellis::kernels::HWY_NAMESPACE {

/// Vectors of outputs that go through a panel together: as many as it takes for enough sums to be
/// in flight, and no more, since each needs registers for its scales.
constexpr std::size_t quantized_vectors(std::size_t rows) {
  const std::size_t most = kMaxRows > 6 ? 3 : 2;
  return rows <= most && kPanelVectors >= 2 ? 2 : 1;
}

/// Of more rows the weights go through a cache; of floats all do. Formats that cost much to expand
/// gain little from more rows in registers, and instrumented, these loops take minutes to compile.
constexpr std::size_t max_quantized_rows(WeightStorage storage) {
  const BlockFormat format = block_format(storage);
  if (format.weights == 1) return 0;
#if HWY_IS_ASAN || HWY_IS_TSAN
  return 1;
#else
  return format.level_bits % 4 == 0 && format.factors == 0 ? kMaxRows : 2;
#endif
}

struct FewRows {
  const float* in = nullptr;           ///< [blocks * inputs of a block][rows]
  const std::byte* weights = nullptr;  ///< a panel as it is stored
  std::size_t blocks = 0;
  const float* initial = nullptr;  ///< what the sums start from: [rows][kPanel]
  std::size_t initial_stride = 0;  ///< floats from row to row; 0 for one row for all
  float* out = nullptr;            ///< [rows][kPanel]; may be `initial`
  std::size_t out_stride = 0;
};

template <WeightStorage kStorage, std::size_t kRows, std::size_t kVectors>
HWY_INLINE void multiply_quantized_columns(const FewRows& block, std::size_t column) {
  constexpr PackedBlock kPacked = packed_block(kStorage);
  // Bytes by which fetching runs ahead: enough for the latency of memory, and near enough for the
  // machine's own prefetching to join in.
  constexpr std::size_t kAhead = 2048;
  const Floats d;
  Vector sums[kRows][kVectors];
  HWY_UNROLL(12)
  for (std::size_t r = 0; r < kRows; ++r) {
    HWY_UNROLL(2)
    for (std::size_t v = 0; v < kVectors; ++v) {
      sums[r][v] = hn::LoadU(d, block.initial + r * block.initial_stride + column + v * kWidth);
    }
  }
  const float* HWY_RESTRICT in = block.in;
  const std::byte* HWY_RESTRICT from = block.weights;
  for (std::size_t b = 0; b < block.blocks; ++b) {
    const std::byte* group = from + kPacked.head;
    for (std::size_t g = 0; g < kPacked.groups; ++g) {
      if (column == 0) {
        for (std::size_t line = 0; line < kPacked.bytes() / kPacked.groups; line += 64) {
          __builtin_prefetch(group + kAhead + line, 0, 3);
        }
      }
      GroupScale<kStorage> scales[kVectors];
      HWY_UNROLL(2)
      for (std::size_t v = 0; v < kVectors; ++v) scales[v].load(from, group, column + v * kWidth);
      const auto* words =
          reinterpret_cast<const std::uint32_t*>(group + kPacked.words_at()) + column;
      HWY_UNROLL(1)
      for (std::size_t i = 0; i < kPacked.words; ++i) {
        HWY_UNROLL(2)
        for (std::size_t v = 0; v < kVectors; ++v) {
          const auto word = hn::LoadU(Words(), words + v * kWidth);
          scales[v].expand(word, i, [&](std::size_t level, Vector weight) HWY_ATTR {
            HWY_UNROLL(12)
            for (std::size_t r = 0; r < kRows; ++r) {
              sums[r][v] = multiply_add(hn::Set(d, in[level * kRows + r]), weight, sums[r][v]);
            }
          });
        }
        words += kColumns;
        in += kPacked.word_inputs * kRows;
      }
      group += kPacked.group_bytes();
    }
    from += kPacked.bytes();
  }
  HWY_UNROLL(12)
  for (std::size_t r = 0; r < kRows; ++r) {
    HWY_UNROLL(2)
    for (std::size_t v = 0; v < kVectors; ++v) {
      hn::StoreU(sums[r][v], d, block.out + r * block.out_stride + column + v * kWidth);
    }
  }
}

template <WeightStorage kStorage, std::size_t kRows>
HWY_NOINLINE void multiply_quantized_block(const FewRows& block) {
  constexpr std::size_t kVectors = quantized_vectors(kRows);
  for (std::size_t column = 0; column < kPanel; column += kVectors * kWidth) {
    multiply_quantized_columns<kStorage, kRows, kVectors>(block, column);
  }
}

using QuantizedFunction = void (*)(const FewRows&);

template <WeightStorage kStorage, std::size_t... kIndex>
constexpr std::array<QuantizedFunction, sizeof...(kIndex)> quantized_table(
    std::index_sequence<kIndex...>) {
  return {multiply_quantized_block<kStorage, kIndex + 1>...};
}

template <WeightStorage kStorage>
void multiply_stored(std::size_t rows, const FewRows& block) {
  using Rows = std::make_index_sequence<max_quantized_rows(kStorage)>;
  static constexpr auto kTable = quantized_table<kStorage>(Rows());
  kTable[rows - 1](block);
}

/// `rows`: at most max_quantized_rows(storage).
inline void multiply_quantized(WeightStorage storage, std::size_t rows, const FewRows& block) {
  switch (storage) {
    case WeightStorage::float32:
    case WeightStorage::float16:
    case WeightStorage::bfloat16:
      return;
    case WeightStorage::q8_0:
      return multiply_stored<WeightStorage::q8_0>(rows, block);
    case WeightStorage::q4_0:
      return multiply_stored<WeightStorage::q4_0>(rows, block);
    case WeightStorage::q4_1:
      return multiply_stored<WeightStorage::q4_1>(rows, block);
    case WeightStorage::q5_0:
      return multiply_stored<WeightStorage::q5_0>(rows, block);
    case WeightStorage::q5_1:
      return multiply_stored<WeightStorage::q5_1>(rows, block);
    case WeightStorage::q4_k:
      return multiply_stored<WeightStorage::q4_k>(rows, block);
    case WeightStorage::q5_k:
      return multiply_stored<WeightStorage::q5_k>(rows, block);
    case WeightStorage::q6_k:
      return multiply_stored<WeightStorage::q6_k>(rows, block);
  }
}

}  // namespace trellis::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
