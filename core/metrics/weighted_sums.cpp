#include "core/metrics/weighted_sums.hpp"

#include <array>

#include "core/vector_clones.hpp"

namespace trellis::metrics {
namespace {

constexpr std::size_t kLanes = 8;

TRELLIS_VECTOR_CLONES double dot(const double* a, const double* b, std::size_t size) {
  std::array<double, kLanes> lanes{};
  for (std::size_t i = 0; i < size; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += a[i + lane] * b[i + lane];
  }
  return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) +
         ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

}  // namespace

WeightedSums::WeightedSums(std::span<const double> rows, std::size_t width)
    : count_(rows.size() / width),
      width_(width),
      padded_((count_ + kLanes - 1) / kLanes * kLanes),
      columns_(width * padded_, 0.0) {
  for (std::size_t row = 0; row < count_; ++row) {
    for (std::size_t k = 0; k < width; ++k) columns_[k * padded_ + row] = rows[row * width + k];
  }
}

void WeightedSums::sum(std::span<const double> weights, std::span<double> sums) const {
  for (std::size_t k = 0; k < width_; ++k) {
    sums[k] = dot(weights.data(), columns_.data() + k * padded_, padded_);
  }
}

}  // namespace trellis::metrics
