/// Samples as rows of numbers that add up, whatever the metric: a mean is the sum of [value, 1].
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/metrics/metric.hpp"

namespace trellis::metrics {

/// How a metric's value follows from sums of rows.
struct Summation {
  std::size_t width = 2;                               ///< numbers a row
  double (*value)(std::span<const double>) = nullptr;  ///< from the summed rows
  bool means = true;                                   ///< rows are [value, 1]
};

/// By statistics where the metric has them and every sample with a value brings as many.
Summation summation_of(std::string_view metric, std::span<const SampleValue> samples);

/// The rows of all samples that have a value, one after the other: [count * width].
std::vector<double> rows_of(const Summation& summation, std::span<const SampleValue> samples);

/// Nothing when it is not a finite number.
std::optional<double> value_of(const Summation& summation, std::span<const double> sums);

}  // namespace trellis::metrics
