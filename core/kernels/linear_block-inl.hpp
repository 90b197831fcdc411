/// The innermost loop of linear layers: a block of rows times a panel of outputs, all sums held in
/// registers. Included once for each Highway target.
#if defined(TRELLIS_CORE_KERNELS_LINEAR_BLOCK_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TRELLIS_CORE_KERNELS_LINEAR_BLOCK_INL_HPP
#undef TRELLIS_CORE_KERNELS_LINEAR_BLOCK_INL_HPP
#else
#define TRELLIS_CORE_KERNELS_LINEAR_BLOCK_INL_HPP
#endif

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "core/kernels/vector-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace trellis::kernels::HWY_NAMESPACE {

inline constexpr std::size_t kPanel = 32;  ///< outputs whose weights lie side by side
inline constexpr std::size_t kLine = 16;   ///< floats in a cache line
inline constexpr std::size_t kPanelVectors = kPanel / kWidth;

#if HWY_TARGET <= HWY_AVX3                        // of the x86 targets, the lower are the better
inline constexpr std::size_t kAccumulators = 24;  ///< of 32 registers
inline constexpr std::size_t kMaxRows = 12;
#else
inline constexpr std::size_t kAccumulators = 12;  ///< of 16 registers
inline constexpr std::size_t kMaxRows = 6;
#endif

/// Vectors of one panel that a block of so many rows takes at once.
constexpr std::size_t block_vectors(std::size_t rows) {
  const std::size_t most = rows <= 3 ? 4 : 2;
  return kPanelVectors < most ? kPanelVectors : most;
}

/// Panels that a block of few rows takes at once, so that enough sums are in flight to hide the
/// latency of an addition.
constexpr std::size_t block_panels(std::size_t rows) {
  if (block_vectors(rows) < kPanelVectors) return 1;
  const std::size_t room = kAccumulators / (rows * kPanelVectors);
  return room >= 4 ? 4 : room >= 2 ? 2 : 1;
}

struct Block {
  const float* in = nullptr;       ///< [depth][rows]
  const float* weights = nullptr;  ///< [depth][kPanel], of the first panel
  std::size_t panel_stride = 0;    ///< floats from panel to panel
  std::size_t depth = 0;
  const float* initial = nullptr;  ///< what the sums start from: [rows][kPanel * panels]
  std::size_t initial_stride = 0;  ///< floats from row to row; 0 for one row for all
  float* out = nullptr;            ///< [rows][kPanel * panels]; may be `initial`
  std::size_t out_stride = 0;
  const float* next = nullptr;  ///< weights that are needed later and may be fetched meanwhile
};

/// The sums take in one k.
template <std::size_t kRows, std::size_t kVectors, std::size_t kPanels>
HWY_INLINE void accumulate(const float* HWY_RESTRICT in, const float* HWY_RESTRICT weights,
                           std::size_t panel_stride, Vector (&sums)[kRows][kVectors * kPanels]) {
  const Floats d;
  Vector w[kVectors * kPanels];
  HWY_UNROLL(4)
  for (std::size_t p = 0; p < kPanels; ++p) {
    HWY_UNROLL(4)
    for (std::size_t v = 0; v < kVectors; ++v) {
      w[p * kVectors + v] = hn::LoadU(d, weights + p * panel_stride + v * kWidth);
    }
  }
  HWY_UNROLL(12)
  for (std::size_t r = 0; r < kRows; ++r) {
    const Vector x = hn::Set(d, in[r]);
    HWY_UNROLL(8)
    for (std::size_t v = 0; v < kVectors * kPanels; ++v) {
      sums[r][v] = multiply_add(x, w[v], sums[r][v]);
    }
  }
}

/// kVectors vectors from column `column` of each of kPanels panels.
template <std::size_t kRows, std::size_t kVectors, std::size_t kPanels, std::size_t kLines>
HWY_INLINE void multiply_columns(const Block& block, std::size_t column) {
  constexpr std::size_t kUnroll = 4;
  const Floats d;
  Vector sums[kRows][kVectors * kPanels];
  HWY_UNROLL(12)
  for (std::size_t r = 0; r < kRows; ++r) {
    HWY_UNROLL(8)
    for (std::size_t v = 0; v < kVectors * kPanels; ++v) {
      const std::size_t place = v / kVectors * kPanel + v % kVectors * kWidth + column;
      sums[r][v] = hn::LoadU(d, block.initial + r * block.initial_stride + place);
    }
  }
  const float* HWY_RESTRICT in = block.in;
  const float* HWY_RESTRICT weights = block.weights + column;
  const float* next = block.next;
  const std::size_t stride = block.panel_stride;
  std::size_t k = 0;
  for (; k + kUnroll <= block.depth; k += kUnroll) {
    HWY_UNROLL(4)
    for (std::size_t step = 0; step < kUnroll; ++step) {
      accumulate<kRows, kVectors, kPanels>(in + step * kRows, weights + step * kPanel, stride,
                                           sums);
    }
    HWY_UNROLL(4)
    for (std::size_t p = 0; p < (kLines == 8 ? kPanels : kLines > 0 ? 1 : 0); ++p) {
      HWY_UNROLL(8)
      for (std::size_t line = 0; line < kLines; ++line) {
        __builtin_prefetch(next + p * stride + line * kLine, 0, 2);  // to the second-level cache
      }
    }
    next += kLines * kLine;
    in += kUnroll * kRows;
    weights += kUnroll * kPanel;
  }
  for (; k < block.depth; ++k) {
    accumulate<kRows, kVectors, kPanels>(in, weights, stride, sums);
    in += kRows;
    weights += kPanel;
  }
  HWY_UNROLL(12)
  for (std::size_t r = 0; r < kRows; ++r) {
    HWY_UNROLL(8)
    for (std::size_t v = 0; v < kVectors * kPanels; ++v) {
      const std::size_t place = v / kVectors * kPanel + v % kVectors * kWidth + column;
      hn::StoreU(sums[r][v], d, block.out + r * block.out_stride + place);
    }
  }
}

template <std::size_t kRows, std::size_t kPanels, std::size_t kLines>
HWY_NOINLINE void multiply_block(const Block& block) {
  constexpr std::size_t kVectors = block_vectors(kRows);
  for (std::size_t column = 0; column < kPanel; column += kVectors * kWidth) {
    multiply_columns<kRows, kVectors, kPanels, kLines>(block, column);
  }
}

using BlockFunction = void (*)(const Block&);

/// kLines: cache lines that are fetched ahead for every four k; 8 are all that a panel has.
template <bool kWide, std::size_t kLines, std::size_t... kIndex>
constexpr std::array<BlockFunction, sizeof...(kIndex)> block_table(std::index_sequence<kIndex...>) {
  return {multiply_block < kIndex + 1, kWide ? block_panels(kIndex + 1) : 1, kLines > ...};
}

using BlockIndices = std::make_index_sequence<kMaxRows>;

/// By the number of rows less one. Blocks of many rows share the fetching of the next weights: a
/// half or a quarter each. A block that is alone takes block_panels(rows) panels and fetches all.
inline constexpr auto kQuarterBlocks = block_table<false, 2>(BlockIndices());
inline constexpr auto kHalfBlocks = block_table<false, 4>(BlockIndices());
inline constexpr auto kLoneBlocks = block_table<true, 8>(BlockIndices());
/// What fetches nothing ahead, for weights that are in the cache; the second by block_panels(rows).
inline constexpr auto kNearBlocks = block_table<false, 0>(BlockIndices());
inline constexpr auto kNearLoneBlocks = block_table<true, 0>(BlockIndices());

}  // namespace trellis::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
