#include "core/metrics/expert_use.hpp"

#include <cmath>
#include <limits>
#include <numeric>

namespace trellis::metrics {

double expert_use_of_sums(std::span<const double> sums) {
  const double all = std::accumulate(sums.begin(), sums.end(), 0.0);
  if (!(all > 0)) return std::numeric_limits<double>::quiet_NaN();
  double entropy = 0;
  for (const double sum : sums) {
    if (sum > 0) entropy -= sum / all * std::log(sum / all);
  }
  return std::exp(entropy) / static_cast<double>(sums.size());
}

SampleValue expert_use(std::span<const double> weights) {
  const double use = expert_use_of_sums(weights);
  if (!std::isfinite(use)) return {};
  return {use, {weights.begin(), weights.end()}};
}

}  // namespace trellis::metrics
