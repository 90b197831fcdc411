#include "core/metrics/metric.hpp"

#include "core/metrics/summed_samples.hpp"

namespace trellis::metrics {

std::optional<double> corpus_value(std::string_view metric, std::span<const SampleValue> samples) {
  const auto summation = summation_of(metric, samples);
  const auto rows = rows_of(summation, samples);
  if (rows.empty()) return std::nullopt;
  std::vector<double> sums(summation.width, 0.0);
  for (std::size_t i = 0; i < rows.size(); ++i) sums[i % summation.width] += rows[i];
  return value_of(summation, sums);
}

}  // namespace trellis::metrics
