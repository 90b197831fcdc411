/// The inner loops of attention: up to six rows of queries over pages of keys and of values, all
/// sums held in registers. Included once for each Highway target.
#if defined(TRELLIS_CORE_KERNELS_ATTENTION_BLOCK_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TRELLIS_CORE_KERNELS_ATTENTION_BLOCK_INL_HPP
#undef TRELLIS_CORE_KERNELS_ATTENTION_BLOCK_INL_HPP
#else
#define TRELLIS_CORE_KERNELS_ATTENTION_BLOCK_INL_HPP
#endif

#include <array>
#include <cstddef>
#include <utility>

#include "core/kernels/vector-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace trellis::kernels::HWY_NAMESPACE {

inline constexpr std::size_t kPage = kLanes;  ///< rows of a page, which are one set of lanes

#if HWY_TARGET <= HWY_AVX3
inline constexpr std::size_t kSums = 24;  ///< of 32 registers
#else
inline constexpr std::size_t kSums = 12;  ///< of 16 registers
#endif

/// The greatest power of two, 8 at most, of units of so many vectors that the sums have room for.
constexpr std::size_t units(std::size_t vectors) {
  std::size_t count = 8;
  while (count > 1 && count * vectors > kSums) count /= 2;
  return count;
}

/// Scores of kRows queries for kPages pages.
template <std::size_t kRows, std::size_t kPages>
HWY_INLINE void score(const float* HWY_RESTRICT queries, const float* const* pages,
                      std::size_t key_size, float scale, float* out, std::size_t out_stride) {
  const Floats d;
  const float* keys[kPages];
  Vector sums[kRows][kPages * kParts];
  HWY_UNROLL(8)
  for (std::size_t p = 0; p < kPages; ++p) keys[p] = pages[p];
  HWY_UNROLL(6)
  for (std::size_t r = 0; r < kRows; ++r) {
    HWY_UNROLL(16)
    for (Vector& sum : sums[r]) sum = hn::Zero(d);
  }
  for (std::size_t i = 0; i < key_size; ++i) {
    Vector k[kPages * kParts];
    HWY_UNROLL(8)
    for (std::size_t p = 0; p < kPages; ++p) {
      HWY_UNROLL(16)
      for (std::size_t v = 0; v < kParts; ++v) {
        k[p * kParts + v] = hn::LoadU(d, keys[p] + i * kPage + v * kWidth);
      }
    }
    HWY_UNROLL(6)
    for (std::size_t r = 0; r < kRows; ++r) {
      const Vector q = hn::Set(d, queries[i * kRows + r]);
      HWY_UNROLL(16)
      for (std::size_t v = 0; v < kPages * kParts; ++v) {
        sums[r][v] = multiply_add(q, k[v], sums[r][v]);
      }
    }
  }
  HWY_UNROLL(6)
  for (std::size_t r = 0; r < kRows; ++r) {
    HWY_UNROLL(16)
    for (std::size_t v = 0; v < kPages * kParts; ++v) {
      hn::StoreU(hn::Mul(sums[r][v], hn::Set(d, scale)), d, out + r * out_stride + v * kWidth);
    }
  }
}

/// queries // [key_size][rows]; keys of a page // [key_size][kPage]; out // [rows][count * kPage]
using ScoreFunction = void (*)(const float* queries, const float* const* pages, std::size_t count,
                               std::size_t key_size, float scale, float* out,
                               std::size_t out_stride);

template <std::size_t kRows>
void score_pages(const float* queries, const float* const* pages, std::size_t count,
                 std::size_t key_size, float scale, float* out, std::size_t out_stride) {
  constexpr std::size_t kGroup = units(kRows * kParts);
  std::size_t page = 0;
  for (; page + kGroup <= count; page += kGroup) {
    score<kRows, kGroup>(queries, pages + page, key_size, scale, out + page * kPage, out_stride);
  }
  for (; page < count; ++page) {
    score<kRows, 1>(queries, pages + page, key_size, scale, out + page * kPage, out_stride);
  }
}

/// What kRows queries take of the values at [begin, end), places counted from the first page on.
struct ValueBlock {
  const float* weights = nullptr;       ///< [rows][weight_stride]
  std::size_t weight_stride = 0;        ///< floats
  const float* const* pages = nullptr;  ///< values of each page // [kPage][value_size]
  std::size_t value_size = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
  float* const* out = nullptr;  ///< [rows]: where the sums of each row are, and go on
};

/// kVectors vectors of values from column `column` on; of them only `rest` floats unless kWhole.
template <std::size_t kRows, std::size_t kVectors, bool kWhole>
HWY_INLINE void take_columns(const ValueBlock& block, std::size_t column) {
  const Floats d;
  const std::size_t rest = block.value_size - column;
  const std::size_t size = block.value_size;
  Vector sums[kRows][kVectors];
  HWY_UNROLL(6)
  for (std::size_t r = 0; r < kRows; ++r) {
    HWY_UNROLL(8)
    for (std::size_t v = 0; v < kVectors; ++v) {
      const float* from = block.out[r] + column + v * kWidth;
      sums[r][v] = kWhole ? hn::LoadU(d, from) : load_first(from, rest);
    }
  }
  for (std::size_t begin = block.begin; begin < block.end;) {
    const std::size_t first = begin % kPage;
    const std::size_t count = block.end - begin < kPage - first ? block.end - begin : kPage - first;
    const float* HWY_RESTRICT values = block.pages[begin / kPage] + first * size + column;
    const float* HWY_RESTRICT weights = block.weights + begin;
    for (std::size_t t = 0; t < count; ++t) {
      Vector value[kVectors];
      HWY_UNROLL(8)
      for (std::size_t v = 0; v < kVectors; ++v) {
        value[v] = kWhole ? hn::LoadU(d, values + v * kWidth) : load_first(values, rest);
      }
      HWY_UNROLL(6)
      for (std::size_t r = 0; r < kRows; ++r) {
        const Vector weight = hn::Set(d, weights[r * block.weight_stride + t]);
        HWY_UNROLL(8)
        for (std::size_t v = 0; v < kVectors; ++v) {
          sums[r][v] = multiply_add(weight, value[v], sums[r][v]);
        }
      }
      values += size;
    }
    begin += count;
  }
  HWY_UNROLL(6)
  for (std::size_t r = 0; r < kRows; ++r) {
    HWY_UNROLL(8)
    for (std::size_t v = 0; v < kVectors; ++v) {
      float* to = block.out[r] + column + v * kWidth;
      kWhole ? hn::StoreU(sums[r][v], d, to) : store_first(sums[r][v], to, rest);
    }
  }
}

/// All columns, as many vectors at once as there is room for.
template <std::size_t kRows, std::size_t kVectors = units(kRows)>
void take_values(const ValueBlock& block, std::size_t column) {
  for (; column + kVectors * kWidth <= block.value_size; column += kVectors * kWidth) {
    take_columns<kRows, kVectors, true>(block, column);
  }
  if constexpr (kVectors > 1) {
    take_values<kRows, kVectors / 2>(block, column);
  } else if (column < block.value_size) {
    take_columns<kRows, 1, false>(block, column);
  }
}

using ValueFunction = void (*)(const ValueBlock&, std::size_t column);

template <std::size_t... kIndex>
constexpr std::array<ScoreFunction, sizeof...(kIndex)> score_table(std::index_sequence<kIndex...>) {
  return {score_pages<kIndex + 1>...};
}

template <std::size_t... kIndex>
constexpr std::array<ValueFunction, sizeof...(kIndex)> value_table(std::index_sequence<kIndex...>) {
  return {take_values<kIndex + 1>...};
}

/// By the number of rows less one.
inline constexpr auto kScoreFunctions = score_table(std::make_index_sequence<6>());
inline constexpr auto kValueFunctions = value_table(std::make_index_sequence<6>());

}  // namespace trellis::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
