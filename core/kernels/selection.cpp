#include "core/kernels/selection.hpp"

#include <algorithm>
#include <functional>
#include <limits>

namespace trellis::kernels {
namespace {

constexpr float kLowest = -std::numeric_limits<float>::infinity();

// Up to this many are kept sorted while scanning once; more are found by a partial sort.
constexpr std::size_t kInsertionLimit = 64;

void insert_scan(std::span<const float> values, std::size_t k,
                 std::vector<std::uint32_t>& indices) {
  float threshold = kLowest;  // the k-th greatest so far: only what is strictly greater gets in
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float value = values[i];
    if (!(value > threshold)) continue;
    if (indices.size() == k) indices.pop_back();
    const auto place = std::upper_bound(
        indices.begin(), indices.end(), value,
        [&](float candidate, std::uint32_t kept) { return candidate > values[kept]; });
    indices.insert(place, static_cast<std::uint32_t>(i));
    if (indices.size() == k) threshold = values[indices.back()];
  }
}

}  // namespace

std::size_t argmax(std::span<const float> values) {
  std::size_t best = 0;
  float greatest = kLowest;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] > greatest) {
      greatest = values[i];
      best = i;
    }
  }
  return best;
}

void top_k(std::span<const float> values, std::size_t k, std::vector<std::uint32_t>& indices) {
  indices.clear();
  if (k == 0) return;
  if (k <= kInsertionLimit) {
    insert_scan(values, k, indices);
    return;
  }
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
  scratch.clear();
  std::size_t nan_count = 0;
  for (const float value : values) {
    // NaN has no place in an order; set aside, it leaves nth_element a strict weak one.
    if (value == value) {
      scratch.push_back(value);
    } else {
      ++nan_count;
    }
  }
  if (k <= nan_count) return std::numeric_limits<float>::quiet_NaN();
  const auto place = scratch.begin() + static_cast<std::ptrdiff_t>(k - nan_count - 1);
  std::nth_element(scratch.begin(), place, scratch.end(), std::greater<>());
  return *place;
}

std::uint32_t rank_of(std::span<const float> values, std::size_t index) {
  const float own = values[index];
  std::uint32_t greater = 0;
  for (const float value : values) greater += static_cast<std::uint32_t>(value > own);
  return greater + 1;
}

}  // namespace trellis::kernels
