/// Choosing among values: the greatest, the k greatest, ranks. Equal values: the lower index first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace trellis::kernels {

/// Index of the greatest value, the lowest of equals. NaN counts as -infinity. At least one value.
std::size_t argmax(std::span<const float> values);

/// Indices of the k greatest values, the greatest first. -infinity and NaN are never selected, so
/// there may be fewer than k. `indices` is overwritten and keeps its memory.
void top_k(std::span<const float> values, std::size_t k, std::vector<std::uint32_t>& indices);

/// The k-th greatest value, counting equals one by one. k is in 1..values.size(); NaN counts as
/// greater than all. `scratch` is overwritten and keeps its memory.
float kth_greatest(std::span<const float> values, std::size_t k, std::vector<float>& scratch);

/// What is less than `bound`, as doubles compare, becomes -infinity. NaN stays.
void forbid_less(std::span<float> values, double bound);

/// 1 plus the number of values strictly greater than values[index].
std::uint32_t rank_of(std::span<const float> values, std::size_t index);

}  // namespace trellis::kernels
