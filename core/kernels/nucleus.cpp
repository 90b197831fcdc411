#include "core/kernels/nucleus.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "core/kernels/distribution.hpp"
#include "core/kernels/selection.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/nucleus.cpp"
#include <hwy/foreach_target.h>

#include "core/kernels/border-inl.hpp"

// Once for all targets.
#ifndef TRELLIS_CORE_KERNELS_NUCLEUS_ONCE
#define TRELLIS_CORE_KERNELS_NUCLEUS_ONCE
namespace trellis::kernels {
namespace {

// How far a token's surprise is from the expected one.
double distance_of(float logit, const Distribution& distribution) {
  return std::abs(distribution.log_sum_exp - static_cast<double>(logit) - distribution.entropy);
}

}  // namespace
}  // namespace trellis::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace trellis::kernels::HWY_NAMESPACE {
namespace {

std::optional<Border> nucleus_border(std::span<const float> logits, double mass,
                                     NucleusScratch& scratch) {
  // All weights below this add up to less than 1 - mass of the sum, which is 1 at least: the
  // nucleus is complete without them.
  const double least = 0.999 * (1 - mass) / static_cast<double>(logits.size());
  return border_at(logits, mass, least, ByLogit(), scratch);
}

// What is farther than `limit` from the entropy becomes -infinity.
void cut_untypical(std::span<float> logits, const Distribution& distribution, double limit) {
  const ByTypicality value_of{distribution.log_sum_exp, distribution.entropy};
  const DoubleVector least = double_constant(-limit);
  const DoubleVector lowest = double_constant(-std::numeric_limits<double>::infinity());
  float* at = logits.data();
  std::size_t left = logits.size();
  for (; left >= kDoubleWidth; left -= kDoubleWidth, at += kDoubleWidth) {
    const DoubleVector logit = load_floats(at, left, 0);
    const auto beyond = hn::Lt(value_of(logit), least);
    hn::StoreU(to_floats(hn::IfThenElse(beyond, lowest, logit)), NarrowFloats(), at);
  }
  for (; left > 0; --left, ++at) {
    if (distance_of(*at, distribution) > limit) *at = -std::numeric_limits<float>::infinity();
  }
}

std::optional<Border> typical_border(std::span<const float> logits, double mass,
                                     const Distribution& distribution, NucleusScratch& scratch) {
  constexpr double kAny = std::numeric_limits<double>::min();
  const ByTypicality value_of{distribution.log_sum_exp, distribution.entropy};
  return border_at(logits, mass, kAny, value_of, scratch);
}

}  // namespace
}  // namespace trellis::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace trellis::kernels {
namespace {

HWY_EXPORT(nucleus_border);
HWY_EXPORT(typical_border);
HWY_EXPORT(cut_untypical);

constexpr float kLowest = -std::numeric_limits<float>::infinity();

// Cuts all that is beyond the border. False, and nothing done, when fewer than `at_least` stay.
bool cut(std::span<float> logits, const Border& border, std::size_t at_least) {
  const auto value = static_cast<float>(border.value);
  if (at_least > 1) {
    const auto equal = std::find(logits.begin(), logits.end(), value) - logits.begin();
    const std::size_t greater = rank_of(logits, static_cast<std::size_t>(equal)) - 1;
    if (greater + border.equals < at_least) return false;
  }
  forbid_less(logits, value);
  if (!border.more_equals) return true;
  std::size_t equals = 0;
  for (float& logit : logits) {
    if (logit == value && ++equals > border.equals) logit = kLowest;
  }
  return true;
}

// The greatest logit always has some probability.
void cut_impossible(std::span<float> logits) {
  const double sum = log_sum_exp(logits);
  for (float& logit : logits) {
    if (static_cast<double>(logit) - sum < -708) logit = kLowest;  // as softmax makes it zero
  }
}

}  // namespace

void keep_nucleus(std::span<float> logits, double mass, std::size_t at_least,
                  NucleusScratch& scratch) {
  if (!has_choice(logits)) return;
  if (mass >= 1 && at_least <= 1) {
    cut_impossible(logits);
    return;
  }
  if (mass < 1) {
    const auto border = HWY_DYNAMIC_DISPATCH(nucleus_border)(logits, mass, scratch);
    if (border && cut(logits, *border, at_least)) return;
  }
  keep_nucleus_by_sorting(logits, mass, at_least);
}

void keep_nucleus_by_sorting(std::span<float> logits, double mass, std::size_t at_least) {
  std::vector<double> probabilities(logits.size());
  if (!std::isfinite(softmax(logits, probabilities))) return;
  std::vector<std::uint32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0U);
  // By logit, not by probability: those that underflow to zero still have an order.
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  });
  double before = 0;
  for (std::size_t place = 0; place < order.size(); ++place) {
    const double probability = probabilities[order[place]];
    // The sum may round up to 1 too early; what a mass of 1 cuts has no probability at all.
    const bool beyond = mass < 1 ? before >= mass : probability == 0;
    if (place >= at_least && beyond) logits[order[place]] = kLowest;
    before += probability;
  }
}

void keep_typical(std::span<float> logits, double mass, std::size_t at_least,
                  NucleusScratch& scratch) {
  if (!has_choice(logits)) return;
  const auto distribution = describe_distribution(logits);
  const auto border = HWY_DYNAMIC_DISPATCH(typical_border)(logits, mass, distribution, scratch);
  const auto is_beyond = [&](float logit) {
    return distance_of(logit, distribution) > -border->value;
  };
  const auto enough = [&] {
    const auto beyond = std::count_if(logits.begin(), logits.end(), is_beyond);
    return logits.size() - static_cast<std::size_t>(beyond) >= at_least;
  };
  if (!border || (at_least > 1 && !enough())) {
    keep_typical_by_sorting(logits, mass, at_least);
    return;
  }
  HWY_DYNAMIC_DISPATCH(cut_untypical)(logits, distribution, -border->value);
}

void keep_typical_by_sorting(std::span<float> logits, double mass, std::size_t at_least) {
  const auto distribution = describe_distribution(logits);
  if (!std::isfinite(distribution.log_sum_exp)) return;
  std::vector<double> probabilities(logits.size());
  softmax(logits, probabilities);
  std::vector<double> distances(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    distances[i] = distance_of(logits[i], distribution);
  }
  std::vector<std::uint32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return distances[a] != distances[b] ? distances[a] < distances[b] : a < b;
  });
  double sum = 0;
  std::size_t last = 0;  // the place of the one that crosses the mass
  for (; last + 1 < order.size(); ++last) {
    sum += probabilities[order[last]];
    if (sum >= mass) break;
  }
  const double farthest = distances[order[last]];
  for (std::size_t place = at_least; place < order.size(); ++place) {
    if (distances[order[place]] > farthest) logits[order[place]] = kLowest;
  }
}

}  // namespace trellis::kernels
#endif
