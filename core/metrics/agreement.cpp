#include "core/metrics/agreement.hpp"

#include <algorithm>
#include <map>

namespace trellis::metrics {
namespace {

/// Of the values a and b, places in `values`, that were given `counts` times.
double squared_distance(RatingScale scale, std::span<const int> values,
                        std::span<const double> counts, std::size_t a, std::size_t b) {
  if (a == b) return 0;
  if (scale == RatingScale::nominal) return 1;
  double distance = 0;
  if (scale == RatingScale::interval) {
    distance = static_cast<double>(values[a]) - static_cast<double>(values[b]);
  } else {
    for (std::size_t i = std::min(a, b); i <= std::max(a, b); ++i) distance += counts[i];
    distance -= (counts[a] + counts[b]) / 2;
  }
  return distance * distance;
}

}  // namespace

Agreement krippendorff_alpha(std::span<const std::vector<int>> items, RatingScale scale) {
  Agreement agreement;
  std::map<int, std::size_t> places;
  for (const auto& item : items) {
    if (item.size() < 2) continue;
    ++agreement.items;
    agreement.values += item.size();
    for (const int value : item) places[value] = 0;
  }
  std::vector<int> values;
  for (auto& [value, place] : places) {
    place = values.size();
    values.push_back(value);
  }
  // coincidences[a * size + b]: ordered pairs of values of one item, each item's pairs weighing as
  // much as its values.
  const auto size = values.size();
  std::vector<double> coincidences(size * size, 0.0);
  std::vector<double> counts(size, 0.0);
  for (const auto& item : items) {
    if (item.size() < 2) continue;
    const double weight = 1 / static_cast<double>(item.size() - 1);
    for (std::size_t i = 0; i < item.size(); ++i) {
      counts[places[item[i]]] += 1;
      for (std::size_t j = 0; j < item.size(); ++j) {
        if (i != j) coincidences[places[item[i]] * size + places[item[j]]] += weight;
      }
    }
  }
  double observed = 0;
  double expected = 0;
  for (std::size_t a = 0; a < size; ++a) {
    for (std::size_t b = 0; b < a; ++b) {
      const double distance = squared_distance(scale, values, counts, a, b);
      observed += coincidences[a * size + b] * distance;
      expected += counts[a] * counts[b] * distance;
    }
  }
  if (expected > 0) {
    agreement.alpha = 1 - static_cast<double>(agreement.values - 1) * observed / expected;
  }
  return agreement;
}

}  // namespace trellis::metrics
