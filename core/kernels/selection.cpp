#include "core/kernels/selection.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/selection.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace trellis::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr float kLowest = -std::numeric_limits<float>::infinity();

using Floats = hn::CappedTag<float, 16>;
constexpr std::size_t kWidth = hn::MaxLanes(Floats());

std::size_t whole_of(std::size_t size) {
  return size / kWidth * kWidth;
}

std::size_t first_greatest(std::span<const float> values) {
  const Floats d;
  auto lanes = hn::Set(d, kLowest);
  const std::size_t whole = whole_of(values.size());
  for (std::size_t i = 0; i < whole; i += kWidth) {
    const auto value = hn::LoadU(d, values.data() + i);
    lanes = hn::IfThenElse(hn::Gt(value, lanes), value, lanes);
  }
  float all[kWidth];
  hn::StoreU(lanes, d, all);
  float greatest = *std::max_element(all, all + kWidth);
  for (std::size_t i = whole; i < values.size(); ++i) {
    greatest = values[i] > greatest ? values[i] : greatest;
  }
  if (greatest == kLowest) return 0;
  const auto wanted = hn::Set(d, greatest);
  for (std::size_t i = 0; i < whole; i += kWidth) {
    const auto found = hn::FindFirstTrue(d, hn::Eq(hn::LoadU(d, values.data() + i), wanted));
    if (found >= 0) return i + static_cast<std::size_t>(found);
  }
  std::size_t at = whole;
  while (values[at] != greatest) ++at;
  return at;
}

// The k-th greatest so far is the threshold: only what is strictly greater gets in.
struct Inserter {
  std::span<const float> values;
  std::size_t k;
  std::vector<std::uint32_t>& indices;
  float threshold = kLowest;

  void insert(std::size_t index) {
    const float value = values[index];
    if (!(value > threshold)) return;
    if (indices.size() == k) indices.pop_back();
    const auto place = std::upper_bound(
        indices.begin(), indices.end(), value,
        [&](float candidate, std::uint32_t kept) { return candidate > values[kept]; });
    indices.insert(place, static_cast<std::uint32_t>(index));
    if (indices.size() == k) threshold = values[indices.back()];
  }
};

void insert_scan(std::span<const float> values, std::size_t k,
                 std::vector<std::uint32_t>& indices) {
  const Floats d;
  Inserter inserter{values, k, indices};
  const std::size_t whole = whole_of(values.size());
  for (std::size_t i = 0; i < whole; i += kWidth) {
    const auto value = hn::LoadU(d, values.data() + i);
    if (hn::AllFalse(d, hn::Gt(value, hn::Set(d, inserter.threshold)))) continue;
    for (std::size_t lane = 0; lane < kWidth; ++lane) inserter.insert(i + lane);
  }
  for (std::size_t i = whole; i < values.size(); ++i) inserter.insert(i);
}

std::size_t count_greater(std::span<const float> values, float bound) {
  const Floats d;
  const auto limit = hn::Set(d, bound);
  std::size_t count = 0;
  const std::size_t whole = whole_of(values.size());
  for (std::size_t i = 0; i < whole; i += kWidth) {
    count += hn::CountTrue(d, hn::Gt(hn::LoadU(d, values.data() + i), limit));
  }
  for (std::size_t i = whole; i < values.size(); ++i) count += values[i] > bound ? 1 : 0;
  return count;
}

// What a pass over `size` values at `from` found of a pivot. The greater ones now lie at `greater`
// and the lesser ones at `less`; one of these may be `from`. Both need a vector's room at their
// end.
struct Parts {
  std::size_t greater = 0;
  std::size_t equal = 0;
  std::size_t less = 0;
};

Parts partition(const float* from, std::size_t size, float pivot, float* greater, float* less) {
  const Floats d;
  const auto middle = hn::Set(d, pivot);
  Parts parts;
  const std::size_t whole = whole_of(size);
  for (std::size_t i = 0; i < whole; i += kWidth) {
    const auto value = hn::LoadU(d, from + i);
    parts.equal += hn::CountTrue(d, hn::Eq(value, middle));
    parts.greater += hn::CompressStore(value, hn::Gt(value, middle), d, greater + parts.greater);
    parts.less += hn::CompressStore(value, hn::Lt(value, middle), d, less + parts.less);
  }
  for (std::size_t i = whole; i < size; ++i) {
    const float value = from[i];
    if (value > pivot) greater[parts.greater++] = value;
    if (value < pivot) less[parts.less++] = value;
    parts.equal += value == pivot ? 1 : 0;
  }
  return parts;
}

constexpr std::size_t kFew = 32;

// One of the values, probably near the k-th greatest; NaN when only NaN was met.
float guess_of(const float* values, std::size_t size, std::size_t k) {
  float seen[kFew];
  std::size_t count = 0;
  for (std::size_t i = 0; i < kFew; ++i) {
    const float value = values[(2 * i + 1) * size / (2 * kFew)];
    if (value == value) seen[count++] = value;
  }
  if (count == 0) return std::numeric_limits<float>::quiet_NaN();
  std::sort(seen, seen + count, std::greater<>());
  return seen[std::min(count - 1, (k - 1) * count / size)];
}

// Narrows down the values among which the k-th greatest is, the greater ones and NaN set aside.
float find_kth(std::span<const float> values, std::size_t k, std::vector<float>& scratch) {
  const std::size_t room = values.size() + kWidth;
  scratch.resize(2 * room);
  float* own = scratch.data();
  float* other = scratch.data() + room;
  std::size_t size = values.size();
  const float* from = values.data();
  while (true) {
    const bool first = from == values.data();
    const float pivot = guess_of(from, size, k);
    if (size <= kFew || pivot != pivot) break;
    const Parts parts = partition(from, size, pivot, own, other);
    const std::size_t nan_count = size - parts.greater - parts.equal - parts.less;
    if (first && k <= nan_count) return std::numeric_limits<float>::quiet_NaN();
    k -= nan_count;
    if (k <= parts.greater) {
      size = parts.greater;
    } else if (k <= parts.greater + parts.equal) {
      return pivot;
    } else {
      k -= parts.greater + parts.equal;
      size = parts.less;
      std::swap(own, other);
    }
    from = own;
  }
  // NaN has no place in an order; set aside, it leaves nth_element a strict weak one.
  float* const end = std::copy_if(from, from + size, own, [](float x) { return x == x; });
  const std::size_t nan_count = size - static_cast<std::size_t>(end - own);
  if (k <= nan_count) return std::numeric_limits<float>::quiet_NaN();
  float* const place = own + (k - nan_count - 1);
  std::nth_element(own, place, end, std::greater<>());
  return *place;
}

void cut_less(std::span<float> values, float bound) {
  const Floats d;
  const auto limit = hn::Set(d, bound);
  const auto lowest = hn::Set(d, kLowest);
  const std::size_t whole = whole_of(values.size());
  for (std::size_t i = 0; i < whole; i += kWidth) {
    const auto value = hn::LoadU(d, values.data() + i);
    hn::StoreU(hn::IfThenElse(hn::Lt(value, limit), lowest, value), d, values.data() + i);
  }
  for (std::size_t i = whole; i < values.size(); ++i) {
    if (values[i] < bound) values[i] = kLowest;
  }
}

}  // namespace
}  // namespace trellis::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace trellis::kernels {
namespace {

HWY_EXPORT(first_greatest);
HWY_EXPORT(insert_scan);
HWY_EXPORT(count_greater);
HWY_EXPORT(find_kth);
HWY_EXPORT(cut_less);

// Up to this many are kept sorted while scanning once; more are found by a partial sort.
constexpr std::size_t kInsertionLimit = 64;

}  // namespace

std::size_t argmax(std::span<const float> values) {
  return HWY_DYNAMIC_DISPATCH(first_greatest)(values);
}

void top_k(std::span<const float> values, std::size_t k, std::vector<std::uint32_t>& indices) {
  indices.clear();
  if (k == 0) return;
  if (k <= kInsertionLimit) {
    HWY_DYNAMIC_DISPATCH(insert_scan)(values, k, indices);
    return;
  }
  constexpr float kLowest = -std::numeric_limits<float>::infinity();
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] > kLowest) indices.push_back(static_cast<std::uint32_t>(i));
  }
  const auto greater = [&](std::uint32_t a, std::uint32_t b) {
    return values[a] > values[b] || (values[a] == values[b] && a < b);
  };
  k = std::min(k, indices.size());
  const auto end = indices.begin() + static_cast<std::ptrdiff_t>(k);
  std::nth_element(indices.begin(), end, indices.end(), greater);
  std::sort(indices.begin(), end, greater);
  indices.resize(k);
}

float kth_greatest(std::span<const float> values, std::size_t k, std::vector<float>& scratch) {
  return HWY_DYNAMIC_DISPATCH(find_kth)(values, k, scratch);
}

std::uint32_t rank_of(std::span<const float> values, std::size_t index) {
  const auto greater = HWY_DYNAMIC_DISPATCH(count_greater)(values, values[index]);
  return static_cast<std::uint32_t>(greater) + 1;
}

void forbid_less(std::span<float> values, double bound) {
  // The least float that is not less, so that floats can be compared.
  auto limit = static_cast<float>(bound);
  if (limit < bound) limit = std::nextafter(limit, std::numeric_limits<float>::infinity());
  HWY_DYNAMIC_DISPATCH(cut_less)(values, limit);
}

}  // namespace trellis::kernels
#endif
