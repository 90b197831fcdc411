#include "core/metrics/summed_samples.hpp"

#include <algorithm>
#include <cmath>

#include "core/metrics/ratios.hpp"

namespace trellis::metrics {

Summation summation_of(std::string_view metric, std::span<const SampleValue> samples) {
  const auto* definition = find_metric(metric);
  const bool by_statistics =
      definition != nullptr && definition->from_statistics != nullptr &&
      std::all_of(samples.begin(), samples.end(), [&](const SampleValue& sample) {
        return !sample.value || sample.statistics.size() == definition->statistics_count;
      });
  if (!by_statistics) return {2, &ratio_of_sums, true};
  return {definition->statistics_count, definition->from_statistics, false};
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
