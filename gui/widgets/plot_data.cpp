/// The part of the plot that is arithmetic.
#include <algorithm>
#include <cmath>

#include "gui/widgets/plot.hpp"

namespace trellis::gui {

std::vector<double> plot_ticks(PlotRange range, bool logarithmic, int wanted) {
  std::vector<double> ticks;
  if (!(range.high > range.low)) return {range.low};
  if (logarithmic) {
    const double decades = std::log10(range.high / range.low);
    const std::vector<double> steps = decades < 1.5 ? std::vector<double>{1, 1.5, 2, 3, 5, 7}
                                      : decades < 4 ? std::vector<double>{1, 2, 5}
                                                    : std::vector<double>{1};
    for (double power = std::floor(std::log10(range.low)); power <= std::log10(range.high);
         ++power) {
      for (const double step : steps) {
        const double tick = step * std::pow(10, power);
        if (tick >= range.low && tick <= range.high) ticks.push_back(tick);
      }
    }
    return ticks;
  }
  const double raw = (range.high - range.low) / std::max(wanted, 1);
  const double power = std::pow(10, std::floor(std::log10(raw)));
  const double share = raw / power;
  const double step = power * (share < 1.5 ? 1 : share < 3.5 ? 2 : share < 7.5 ? 5 : 10);
  const double first = std::ceil(range.low / step);
  for (double i = first; i * step <= range.high + step * 1e-9 && ticks.size() < 100; ++i) {
    ticks.push_back(i * step);
  }
  return ticks;
}

std::vector<std::size_t> keep_extremes(std::span<const double> x, std::span<const double> y,
                                       PlotRange range, std::size_t columns) {
  std::vector<std::size_t> kept;
  const auto size = std::min(x.size(), y.size());
  const double width =
      (range.high - range.low) / static_cast<double>(std::max<std::size_t>(columns, 1));
  std::size_t at = 0;
  while (at < size) {
    const double column = std::floor((x[at] - range.low) / width);
    std::size_t picks[4] = {size, size, size, size};  // first, lowest, highest, last
    for (; at < size && std::floor((x[at] - range.low) / width) == column; ++at) {
      if (std::isnan(y[at])) continue;
      if (picks[0] == size) picks[0] = picks[1] = picks[2] = at;
      if (y[at] < y[picks[1]]) picks[1] = at;
      if (y[at] > y[picks[2]]) picks[2] = at;
      picks[3] = at;
    }
    if (at < size && std::isnan(x[at])) ++at;
    if (picks[0] == size) continue;
    std::sort(std::begin(picks), std::end(picks));
    kept.insert(kept.end(), std::begin(picks), std::unique(std::begin(picks), std::end(picks)));
  }
  return kept;
}

}  // namespace trellis::gui
