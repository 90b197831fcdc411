#include "core/metrics/calibration.hpp"

#include <algorithm>
#include <cmath>

namespace trellis::metrics {

// A bin holds the confidences above its lower bound, up to and including its upper one.
SampleValue calibration_error(std::span<const double> confidences,
                              std::span<const std::uint8_t> right) {
  SampleValue sample;
  if (confidences.empty()) return sample;
  sample.statistics.assign(kCalibrationStatistics, 0.0);
  for (std::size_t i = 0; i < confidences.size(); ++i) {
    const double place = std::ceil(confidences[i] * static_cast<double>(kCalibrationBins)) - 1;
    const auto bin =
        static_cast<std::size_t>(std::clamp(place, 0.0, static_cast<double>(kCalibrationBins - 1)));
    sample.statistics[3 * bin] += 1;
    sample.statistics[3 * bin + 1] += confidences[i];
    sample.statistics[3 * bin + 2] += right[i] != 0 ? 1 : 0;
  }
  sample.value = calibration_error_of_sums(sample.statistics);
  return sample;
}

double calibration_error_of_sums(std::span<const double> sums) {
  double guesses = 0;
  double gaps = 0;
  for (std::size_t bin = 0; bin < kCalibrationBins; ++bin) {
    guesses += sums[3 * bin];
    gaps += std::abs(sums[3 * bin + 2] - sums[3 * bin + 1]);
  }
  return gaps / guesses;
}

}  // namespace trellis::metrics
