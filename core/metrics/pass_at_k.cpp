#include "core/metrics/pass_at_k.hpp"

namespace trellis::metrics {

double pass_at_k(std::size_t samples, std::size_t passed, std::size_t k) {
  const std::size_t failed = samples - passed;
  if (failed < k) return 1;
  // C(n - c, k) / C(n, k) is the product of 1 - k / i for i from n - c + 1 to n: no factorials.
  double none = 1;
  for (std::size_t i = failed + 1; i <= samples; ++i) {
    none *= 1 - static_cast<double>(k) / static_cast<double>(i);
  }
  return 1 - none;
}

}  // namespace trellis::metrics
