#include "core/metrics/summed_samples.hpp"

#include <cmath>

#include "core/metrics/ratios.hpp"

namespace trellis::metrics {

Summation summation_of(std::string_view metric, std::span<const SampleValue> samples) {
  const Summation means{2, &ratio_of_sums, true};
  const auto* definition = find_metric(metric);
  if (definition == nullptr || definition->from_statistics == nullptr) return means;
  std::size_t width = definition->statistics_count;
  for (const auto& sample : samples) {
    if (!sample.value) continue;
    if (width == 0) width = sample.statistics.size();
    if (width == 0 || sample.statistics.size() != width) return means;
  }
  if (width == 0) return means;  // no sample has a value
  return {width, definition->from_statistics, false};
}

std::vector<double> rows_of(const Summation& summation, std::span<const SampleValue> samples) {
  std::vector<double> rows;
  rows.reserve(samples.size() * summation.width);
  for (const auto& sample : samples) {
    if (!sample.value) continue;
    if (summation.means) {
      rows.insert(rows.end(), {*sample.value, 1.0});
    } else {
      rows.insert(rows.end(), sample.statistics.begin(), sample.statistics.end());
    }
  }
  return rows;
}

std::optional<double> value_of(const Summation& summation, std::span<const double> sums) {
  const double value = summation.value(sums);
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace trellis::metrics
