/// The innermost loop of linear layers for few rows and weights of 4 or 8 bits: these become floats
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

/// Of more rows the weights go through a cache. Instrumented, these blocks take minutes to compile.
#if HWY_IS_ASAN || HWY_IS_TSAN
inline constexpr std::size_t kMaxQuantizedRows = 2;
#else
inline constexpr std::size_t kMaxQuantizedRows = kMaxRows;
#endif

struct QuantizedBlock {
  const float* in = nullptr;           ///< [blocks * kBlockInputs][rows]
  const std::byte* weights = nullptr;  ///< a panel as it is stored
  std::size_t blocks = 0;              ///< of kBlockInputs inputs
  const float* initial = nullptr;      ///< what the sums start from: [rows][kPanel]
  std::size_t initial_stride = 0;      ///< floats from row to row; 0 for one row for all
  float* out = nullptr;                ///< [rows][kPanel]; may be `initial`
  std::size_t out_stride = 0;
};

template <WeightStorage kStorage, std::size_t kRows, std::size_t kVectors>
HWY_INLINE void multiply_quantized_columns(const QuantizedBlock& block, std::size_t column) {
  using Layout = QuantizedLayout<kStorage>;
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
    if (column == 0) {
      for (std::size_t line = 0; line < Layout::kBytes; line += 64) {
        __builtin_prefetch(from + kAhead + line, 0, 3);
      }
    }
    BlockScale<kStorage> scales[kVectors];
    HWY_UNROLL(2)
    for (std::size_t v = 0; v < kVectors; ++v) scales[v].load(from, column + v * kWidth);
    const std::uint32_t* words = Layout::words(from) + column;
    HWY_UNROLL(1)
    for (std::size_t i = 0; i < Layout::kWords; ++i) {
      HWY_UNROLL(2)
      for (std::size_t v = 0; v < kVectors; ++v) {
        const auto word = hn::LoadU(Words(), words + v * kWidth);
        scales[v].expand(word, [&](std::size_t level, Vector weight) HWY_ATTR {
          HWY_UNROLL(12)
          for (std::size_t r = 0; r < kRows; ++r) {
            sums[r][v] = multiply_add(hn::Set(d, in[level * kRows + r]), weight, sums[r][v]);
          }
        });
      }
      words += kColumns;
      in += Layout::kLevels * kRows;
    }
    from += Layout::kBytes;
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
HWY_NOINLINE void multiply_quantized_block(const QuantizedBlock& block) {
  constexpr std::size_t kVectors = quantized_vectors(kRows);
  for (std::size_t column = 0; column < kPanel; column += kVectors * kWidth) {
    multiply_quantized_columns<kStorage, kRows, kVectors>(block, column);
  }
}

using QuantizedFunction = void (*)(const QuantizedBlock&);

template <WeightStorage kStorage, std::size_t... kIndex>
constexpr std::array<QuantizedFunction, sizeof...(kIndex)> quantized_table(
    std::index_sequence<kIndex...>) {
  return {multiply_quantized_block<kStorage, kIndex + 1>...};
}

/// `rows`: at most kMaxQuantizedRows.
inline void multiply_quantized(WeightStorage storage, std::size_t rows,
                               const QuantizedBlock& block) {
  using Rows = std::make_index_sequence<kMaxQuantizedRows>;
  static constexpr auto kBytes = quantized_table<WeightStorage::q8_0>(Rows());
  static constexpr auto kNibbles = quantized_table<WeightStorage::q4_0>(Rows());
  static constexpr auto kLeastNibbles = quantized_table<WeightStorage::q4_1>(Rows());
  const auto& table = storage == WeightStorage::q8_0   ? kBytes
                      : storage == WeightStorage::q4_0 ? kNibbles
                                                       : kLeastNibbles;
  table[rows - 1](block);
}

}  // namespace trellis::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
