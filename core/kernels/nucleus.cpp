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

#include "core/kernels/double-inl.hpp"

// Once for all targets.
#ifndef TRELLIS_CORE_KERNELS_NUCLEUS_BORDER
#define TRELLIS_CORE_KERNELS_NUCLEUS_BORDER
namespace trellis::kernels {
namespace {

/// Where a nucleus ends: what is greater than `value` stays, and the first `equals` of its equals.
struct Border {
  double value = 0;
  std::size_t equals = 0;
  bool more_equals = false;  ///< others are beyond it
};

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

constexpr double kLeast = -708;    // e^-708 is the least normal double
constexpr std::size_t kFew = 32;   // pairs that are walked in order
constexpr std::size_t kSeen = 16;  // pairs that a pivot is guessed from

// More than sums of probabilities may differ by when they are taken in another order, half a
// million of them added with an error of 1.2e-16 each, and with powers that are off by 1e-11 of
// themselves.
constexpr double kTolerance = 1e-9;

// e^x within 1e-11 of itself, for x in [kLeast, 0]. Where that decides nothing, it is the same in
// all targets; where it would, the definition decides.
HWY_INLINE DoubleVector rough_exponential(DoubleVector x) {
  const DoubleVector shifter = double_constant(elementary::kShifter);
  const DoubleVector shifted = hn::MulAdd(x, double_constant(elementary::kLog2E), shifter);
  const DoubleVector k = hn::Sub(shifted, shifter);
  const DoubleVector ln2 = double_constant(elementary::kLn2High + elementary::kLn2Low);
  const DoubleVector r = hn::NegMulAdd(k, ln2, x);
  constexpr std::size_t kSkipped = 4;  // the series ends with r^9 / 9!
  DoubleVector sum = double_constant(elementary::kExponentialTerms[kSkipped]);
  HWY_UNROLL(10)
  for (std::size_t i = kSkipped + 1; i < elementary::kExponentialTerms.size(); ++i) {
    sum = hn::MulAdd(sum, r, double_constant(elementary::kExponentialTerms[i]));
  }
  const DoubleBits bits;
  const auto power = hn::ShiftLeft<52>(hn::Add(hn::BitCast(bits, shifted), hn::Set(bits, 1023)));
  return hn::Mul(sum, hn::BitCast(Doubles(), power));
}

double sum_of(DoubleVector vector) {
  double lanes[kDoubleWidth];
  hn::StoreU(vector, Doubles(), lanes);
  return std::accumulate(lanes, lanes + kDoubleWidth, 0.0);
}

// Pairs of a value and its weight, in two arrays with a vector's room at their end.
struct Pairs {
  double* values;
  double* weights;
  std::size_t size = 0;

  HWY_INLINE void append(DoubleVector value, DoubleVector weight, hn::Mask<Doubles> which) {
    hn::CompressStore(weight, which, Doubles(), weights + size);
    size += hn::CompressStore(value, which, Doubles(), values + size);
  }
  void append(double value, double weight) {
    values[size] = value;
    weights[size++] = weight;
  }
};

struct Weights {
  double all = 0;
  double listed = 0;
};

// By what a token comes first: its logit, or how near its surprise is to the entropy.
struct ByLogit {
  HWY_INLINE DoubleVector operator()(DoubleVector logit) const { return logit; }
};
struct ByTypicality {
  double log_sum_exp;
  double entropy;
  HWY_INLINE DoubleVector operator()(DoubleVector logit) const {
    const DoubleVector surprise = hn::Sub(double_constant(log_sum_exp), logit);
    return hn::Neg(hn::Abs(hn::Sub(surprise, double_constant(entropy))));
  }
};

// Lists the values of the logits that have a weight of at least `least`. The weight of the greatest
// logit is 1.
template <typename Value>
Weights weigh(std::span<const float> logits, float greatest, double least, const Value& value_of,
              Pairs& listed) {
  const Doubles d;
  const DoubleVector bound = double_constant(least);
  const DoubleVector lowest = double_constant(kLeast);
  const DoubleVector middle = double_constant(greatest);
  DoubleVector all = double_constant(0);
  DoubleVector chosen_only = double_constant(0);
  for (std::size_t i = 0; i < logits.size(); i += kDoubleWidth) {
    const DoubleVector logit =
        load_floats(logits.data() + i, logits.size() - i, -std::numeric_limits<float>::infinity());
    const DoubleVector distance = hn::Sub(logit, middle);
    const auto weight =
        hn::IfThenElseZero(hn::Ge(distance, lowest), rough_exponential(hn::Max(distance, lowest)));
    all = hn::Add(all, weight);
    const auto chosen = hn::Ge(weight, bound);
    if (hn::AllFalse(d, chosen)) continue;
    chosen_only = hn::Add(chosen_only, hn::IfThenElseZero(chosen, weight));
    listed.append(value_of(logit), weight, chosen);
  }
  return {sum_of(all), sum_of(chosen_only)};
}

// The weights of what is greater than a pivot and of what equals it.
struct Parted {
  double greater = 0;
  double equal = 0;
};

// `greater` takes the place of `from`.
Parted part(const Pairs& from, double pivot, Pairs& greater, Pairs& less) {
  const Doubles d;
  const DoubleVector middle = double_constant(pivot);
  DoubleVector greater_sum = double_constant(0);
  DoubleVector equal_sum = double_constant(0);
  greater = {from.values, from.weights, 0};
  less.size = 0;
  std::size_t i = 0;
  for (; i + kDoubleWidth <= from.size; i += kDoubleWidth) {
    const DoubleVector value = hn::LoadU(d, from.values + i);
    const DoubleVector weight = hn::LoadU(d, from.weights + i);
    const auto is_greater = hn::Gt(value, middle);
    greater_sum = hn::Add(greater_sum, hn::IfThenElseZero(is_greater, weight));
    equal_sum = hn::Add(equal_sum, hn::IfThenElseZero(hn::Eq(value, middle), weight));
    greater.append(value, weight, is_greater);
    less.append(value, weight, hn::Lt(value, middle));
  }
  Parted sums{sum_of(greater_sum), sum_of(equal_sum)};
  for (; i < from.size; ++i) {
    const double value = from.values[i];
    const double weight = from.weights[i];
    if (value > pivot) {
      sums.greater += weight;
      greater.append(value, weight);
    } else if (value < pivot) {
      less.append(value, weight);
    } else {
      sums.equal += weight;
    }
  }
  return sums;
}

// One of the values: of a few, the one at which the weights pass `share` of all.
double guess_of(const Pairs& pairs, double share) {
  std::array<std::pair<double, double>, kSeen> seen;
  double all = 0;
  for (std::size_t i = 0; i < kSeen; ++i) {
    const std::size_t at = (2 * i + 1) * pairs.size / (2 * kSeen);
    seen[i] = {pairs.values[at], pairs.weights[at]};
    all += pairs.weights[at];
  }
  std::sort(seen.begin(), seen.end(), std::greater<>());
  double sum = 0;
  for (const auto& [value, weight] : seen) {
    sum += weight;
    if (sum >= share * all) return value;
  }
  return seen.back().first;
}

// Walks down a few pairs, in order. Nothing where rounding would decide.
std::optional<Border> walk(const Pairs& pairs, double before, double wanted, double tolerance) {
  std::array<std::pair<double, double>, kFew> sorted;
  for (std::size_t i = 0; i < pairs.size; ++i) sorted[i] = {pairs.values[i], pairs.weights[i]};
  const auto end = sorted.begin() + static_cast<std::ptrdiff_t>(pairs.size);
  std::sort(sorted.begin(), end, std::greater<>());
  Border border;
  for (auto at = sorted.begin(); at != end; ++at) {
    const bool again = at != sorted.begin() && at->first == border.value;
    border = {at->first, again ? border.equals + 1 : 1, at + 1 != end && at[1].first == at->first};
    before += at->second;
    if (std::fabs(before - wanted) <= tolerance) return std::nullopt;
    if (before > wanted) return border;
  }
  return std::nullopt;
}

// The border at which the weights, from the greatest value on, pass `wanted`; nothing where
// rounding would decide. `total`: the sum of the pairs' weights.
std::optional<Border> find_border(Pairs pairs, Pairs other, double total, double wanted,
                                  double tolerance) {
  double before = 0;  // the weight of all that is greater than these
  while (pairs.size > kFew) {
    const double pivot = guess_of(pairs, (wanted - before) / total);
    Pairs greater = pairs;
    const Parted sums = part(pairs, pivot, greater, other);
    const double through = before + sums.greater;
    if (std::fabs(through - wanted) <= tolerance) return std::nullopt;
    if (through > wanted) {
      pairs = greater;
      total = sums.greater;
      continue;
    }
    if (through + sums.equal >= wanted - tolerance) {
      // Equals have equal weights; they are counted off one by one.
      const std::size_t equals = pairs.size - greater.size - other.size;
      const double each = sums.equal / static_cast<double>(equals);
      const double count = (wanted - through) / each;
      const double nearest = std::round(count);
      if (std::fabs(count - nearest) * each <= tolerance) return std::nullopt;
      const auto kept = static_cast<std::size_t>(std::ceil(count));
      return Border{pivot, kept, kept < equals};
    }
    before = through + sums.equal;
    total -= sums.greater + sums.equal;
    std::swap(pairs.values, other.values);
    std::swap(pairs.weights, other.weights);
    pairs.size = std::exchange(other.size, 0);
  }
  return walk(pairs, before, wanted, tolerance);
}

template <typename Value>
std::optional<Border> find(std::span<const float> logits, double mass, double least,
                           const Value& value_of, NucleusScratch& scratch) {
  const std::size_t room = logits.size() + kDoubleWidth;
  if (scratch.values.size() < 2 * room) {
    scratch.values.resize(2 * room);
    scratch.weights.resize(2 * room);
  }
  Pairs pairs{scratch.values.data(), scratch.weights.data()};
  const Pairs other{scratch.values.data() + room, scratch.weights.data() + room};
  const Weights sums = weigh(logits, logits[argmax(logits)], least, value_of, pairs);
  return find_border(pairs, other, sums.listed, mass * sums.all, kTolerance * sums.all);
}

std::optional<Border> nucleus_border(std::span<const float> logits, double mass,
                                     NucleusScratch& scratch) {
  // All weights below this add up to less than 1 - mass of the sum, which is 1 at least: the
  // nucleus is complete without them.
  const double least = 0.999 * (1 - mass) / static_cast<double>(logits.size());
  return find(logits, mass, least, ByLogit(), scratch);
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
  return find(logits, mass, kAny, value_of, scratch);
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
