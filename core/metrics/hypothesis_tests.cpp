#include "core/metrics/hypothesis_tests.hpp"

#include <algorithm>
#include <boost/math/special_functions/erf.hpp>
#include <cmath>
#include <numbers>
#include <numeric>

namespace trellis::metrics {
namespace {

/// The point below which a standard normal variable lies with this probability.
double normal_quantile(double probability) {
  return -std::numbers::sqrt2 * boost::math::erfc_inv(2 * probability);
}

using Group = std::vector<bool>;  // which arms are in it

bool holds(const Group& group, const Group& other) {
  for (std::size_t i = 0; i < group.size(); ++i) {
    if (other[i] && !group[i]) return false;
  }
  return true;
}

/// Leaves out groups that lie within another.
void absorb(std::vector<Group>& groups) {
  std::vector<Group> kept;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    bool within = false;
    for (std::size_t j = 0; j < groups.size() && !within; ++j) {
      within = i != j && holds(groups[j], groups[i]) && (groups[j] != groups[i] || j < i);
    }
    if (!within) kept.push_back(groups[i]);
  }
  groups = std::move(kept);
}

std::string letter(std::size_t group) {
  std::string text(1, static_cast<char>('a' + group % 26));
  return group < 26 ? text : letter(group / 26 - 1) + text;
}

}  // namespace

double mcnemar_p_value(std::size_t only_first, std::size_t only_second) {
  const std::size_t pairs = only_first + only_second;
  const std::size_t fewer = std::min(only_first, only_second);
  const auto n = static_cast<double>(pairs);
  double tail = 0;
  for (std::size_t i = 0; i <= fewer; ++i) {
    const auto k = static_cast<double>(i);
    tail += std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) -
                     n * std::numbers::ln2);
  }
  return std::min(1.0, 2 * tail);
}

std::vector<double> holm_adjusted(std::span<const double> p_values) {
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> adjusted(p_values.size());
  double largest = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto left = static_cast<double>(order.size() - i);
    largest = std::max(largest, std::min(1.0, left * p_values[order[i]]));
    adjusted[order[i]] = largest;
  }
  return adjusted;
}

std::optional<double> pairs_for_power(double effect_size, double power, double level) {
  if (effect_size == 0 || !std::isfinite(effect_size)) return std::nullopt;
  const double z = normal_quantile(1 - level / 2) + normal_quantile(power);
  return std::ceil(z * z / (effect_size * effect_size));
}

std::vector<std::string> letter_groups(
    std::size_t count, const std::function<bool(std::size_t, std::size_t)>& differ) {
  std::vector<Group> groups{Group(count, true)};
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = i + 1; j < count; ++j) {
      if (!differ(i, j)) continue;
      // A group that holds both becomes two, each without one of them.
      const std::size_t known = groups.size();
      for (std::size_t g = 0; g < known; ++g) {
        if (!groups[g][i] || !groups[g][j]) continue;
        auto other = groups[g];
        groups[g][i] = false;
        other[j] = false;
        groups.push_back(std::move(other));
      }
      absorb(groups);
    }
  }
  // The group of the best arm is called a.
  std::sort(groups.begin(), groups.end(), std::greater<>());
  std::vector<std::string> letters(count);
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (std::size_t i = 0; i < count; ++i) {
      if (groups[g][i]) letters[i] += letter(g);
    }
  }
  return letters;
}

}  // namespace trellis::metrics
