/// Sums of rows with a weight each, many times over the same rows: what a resample costs.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace trellis::metrics {

/// The order in which numbers are added is fixed (eight interleaved lanes, then a tree), so the
/// sums are the same on every machine; those of counts are exact. Immutable once made.
class WeightedSums {
 public:
  /// rows: [count * width], one row after the other. `width` is at least 1.
  WeightedSums(std::span<const double> rows, std::size_t width);

  std::size_t count() const { return count_; }
  std::size_t width() const { return width_; }
  /// Room for the weights: `count` rounded up to whole lanes. What is behind `count` must be 0.
  std::size_t weights_size() const { return padded_; }
  double at(std::size_t row, std::size_t column) const { return columns_[column * padded_ + row]; }

  /// sums[k] = the sum over rows of weights[row] * row[k]. weights: [weights_size], sums: [width].
  void sum(std::span<const double> weights, std::span<double> sums) const;

 private:
  std::size_t count_;
  std::size_t width_;
  std::size_t padded_;
  std::vector<double> columns_;  // [width * padded]
};

}  // namespace trellis::metrics
