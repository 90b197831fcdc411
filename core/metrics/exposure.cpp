#include "core/metrics/exposure.hpp"

#include <algorithm>

namespace trellis::metrics {

SampleValue exposure_gap(std::span<const std::uint8_t> forced, std::span<const std::uint8_t> free) {
  SampleValue sample;
  if (forced.empty()) return sample;
  sample.statistics.assign(kExposureStatistics, 0.0);
  for (std::size_t i = 0; i < forced.size(); ++i) {
    const auto* const above =
        std::upper_bound(kExposureRanges.begin(), kExposureRanges.end(), i + 1);
    const auto range = static_cast<std::size_t>(above - kExposureRanges.begin()) - 1;
    sample.statistics[3 * range] += 1;
    sample.statistics[3 * range + 1] += forced[i] != 0 ? 1 : 0;
    sample.statistics[3 * range + 2] += free[i] != 0 ? 1 : 0;
  }
  sample.value = exposure_gap_of_sums(sample.statistics);
  return sample;
}

double exposure_gap_of_sums(std::span<const double> sums) {
  double places = 0;
  double gap = 0;
  for (std::size_t range = 0; range < kExposureRanges.size(); ++range) {
    places += sums[3 * range];
    gap += sums[3 * range + 1] - sums[3 * range + 2];
  }
  return gap / places;
}

}  // namespace trellis::metrics
