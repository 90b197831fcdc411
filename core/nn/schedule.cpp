#include "core/nn/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace trellis::nn {

double learning_rate(const ScheduleOptions& options, std::uint64_t step) {
  const auto s = static_cast<double>(step);
  const auto warmup = static_cast<double>(options.warmup);
  const auto total = static_cast<double>(options.total);
  if (options.kind == ScheduleKind::noam) {
    const double n = s + 1;
    return options.base * std::pow(options.width, -0.5) *
           std::min(std::pow(n, -0.5), n * std::pow(warmup, -1.5));
  }
  if (step < options.warmup) return options.base * (s / std::max(1.0, warmup));
  const double progress = (s - warmup) / std::max(1.0, total - warmup);
  switch (options.kind) {
    case ScheduleKind::linear:
      return options.base * std::max(0.0, (total - s) / std::max(1.0, total - warmup));
    case ScheduleKind::cosine:
      return options.base * std::max(0.0, 0.5 * (1.0 + std::cos(std::numbers::pi * progress)));
    case ScheduleKind::polynomial:
      if (s > total) return options.final_rate;
      return (options.base - options.final_rate) * std::pow(1.0 - progress, options.power) +
             options.final_rate;
    case ScheduleKind::inverse_sqrt: {
      double timescale = static_cast<double>(options.timescale);
      if (options.timescale == 0) timescale = options.warmup > 0 ? warmup : 10000.0;
      return options.base / std::sqrt((s + timescale - warmup) / timescale);
    }
    default:
      return options.base;
  }
}

}  // namespace trellis::nn
