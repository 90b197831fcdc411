/// Where the weights of a distribution's tokens, in some order, pass a share of their sum: found
/// without sorting. Included once for each Highway target.
#if defined(TRELLIS_CORE_KERNELS_BORDER_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TRELLIS_CORE_KERNELS_BORDER_INL_HPP
#undef TRELLIS_CORE_KERNELS_BORDER_INL_HPP
#else
#define TRELLIS_CORE_KERNELS_BORDER_INL_HPP
#endif

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

#include "core/kernels/double-inl.hpp"
#include "core/kernels/nucleus.hpp"
#include "core/kernels/selection.hpp"

// Once for all targets.
#ifndef TRELLIS_CORE_KERNELS_BORDER
#define TRELLIS_CORE_KERNELS_BORDER
namespace trellis::kernels {

/// Where a nucleus ends: what is greater than `value` stays, and the first `equals` of its equals.
struct Border {
  double value = 0;
  std::size_t equals = 0;
  bool more_equals = false;  ///< others are beyond it
};

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
  double above = 0;  // of the values beyond the window that stay in any case
  double listed = 0;
};

// Values among which a border is looked for: those above it stay, those below it go.
struct Window {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();

  bool bounded() const { return std::isfinite(low) || std::isfinite(high); }
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

// The weight of the greatest logit is 1.
HWY_INLINE DoubleVector weight_of(DoubleVector logit, DoubleVector greatest) {
  const DoubleVector lowest = double_constant(kLeast);
  const DoubleVector distance = hn::Sub(logit, greatest);
  return hn::IfThenElseZero(hn::Ge(distance, lowest), rough_exponential(hn::Max(distance, lowest)));
}

// Lists the values in the window of the logits that have a weight of at least `least`.
template <typename Value>
Weights weigh(std::span<const float> logits, float greatest, double least, const Window& window,
              const Value& value_of, Pairs& listed) {
  const Doubles d;
  const DoubleVector bound = double_constant(least);
  const DoubleVector middle = double_constant(greatest);
  const DoubleVector low = double_constant(window.low);
  const DoubleVector high = double_constant(window.high);
  DoubleVector all = double_constant(0);
  DoubleVector above_only = double_constant(0);
  DoubleVector listed_only = double_constant(0);
  for (std::size_t i = 0; i < logits.size(); i += kDoubleWidth) {
    const DoubleVector logit =
        load_floats(logits.data() + i, logits.size() - i, -std::numeric_limits<float>::infinity());
    const DoubleVector weight = weight_of(logit, middle);
    const DoubleVector value = value_of(logit);
    const auto above = hn::Gt(value, high);
    all = hn::Add(all, weight);
    above_only = hn::Add(above_only, hn::IfThenElseZero(above, weight));
    const auto chosen = hn::AndNot(above, hn::And(hn::Ge(weight, bound), hn::Ge(value, low)));
    if (hn::AllFalse(d, chosen)) continue;
    listed_only = hn::Add(listed_only, hn::IfThenElseZero(chosen, weight));
    listed.append(value, weight, chosen);
  }
  return {sum_of(all), sum_of(above_only), sum_of(listed_only)};
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
// rounding would decide. `before`: the weight of all that is greater than these pairs; `total`:
// theirs.
std::optional<Border> find_border(Pairs pairs, Pairs other, double before, double total,
                                  double wanted, double tolerance) {
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

// Where the border of a flat distribution is likely to be, as far as some of its tokens tell; of a
// peaked one, few tokens have any weight and a guess is not needed.
template <typename Value>
std::optional<Window> guess_window(std::span<const float> logits, float greatest, double mass,
                                   const Value& value_of) {
  constexpr std::size_t kSample = 512;
  constexpr std::size_t kBuckets = 64;
  constexpr double kEnough = 64;  // tokens of equal weight that would tell as much
  if (logits.size() < 8 * kSample) return std::nullopt;
  std::array<float, kSample> sample;
  for (std::size_t i = 0; i < kSample; ++i) {
    sample[i] = logits[(2 * i + 1) * logits.size() / (2 * kSample)];
  }
  const Doubles d;
  std::array<double, kSample> values;
  std::array<double, kSample> weights;
  double all = 0;
  double squares = 0;
  Window range = {Window().high, Window().low};  // of no value yet
  for (std::size_t i = 0; i < kSample; i += kDoubleWidth) {
    const DoubleVector logit = load_floats(sample.data() + i, kDoubleWidth, 0);
    hn::StoreU(value_of(logit), d, values.data() + i);
    hn::StoreU(weight_of(logit, double_constant(greatest)), d, weights.data() + i);
  }
  for (std::size_t i = 0; i < kSample; ++i) {
    if (weights[i] == 0) continue;
    all += weights[i];
    squares += weights[i] * weights[i];
    range = {std::min(range.low, values[i]), std::max(range.high, values[i])};
  }
  const double size = all * all / squares;
  if (!(size >= kEnough) || !(range.low < range.high)) return std::nullopt;

  std::array<double, kBuckets> shares{};  // from the greatest values down
  const double width = (range.high - range.low) / kBuckets;
  for (std::size_t i = 0; i < kSample; ++i) {
    if (weights[i] == 0) continue;
    const auto bucket = static_cast<std::size_t>((range.high - values[i]) / width);
    shares[std::min(bucket, kBuckets - 1)] += weights[i] / all;
  }
  const double margin = 3 * std::sqrt(mass * (1 - mass) / size);  // deviations of such a share
  Window window;
  double sum = 0;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    const double upper = range.high - static_cast<double>(bucket) * width;
    if (sum < mass - margin) window.high = upper;
    if (sum < mass + margin) window.low = upper - width;
    sum += shares[bucket];
  }
  if (mass - margin <= 0) window.high = Window().high;
  if (mass + margin >= 1) window.low = Window().low;
  return window;
}

/// The border in the order of `value_of` at which the weights pass `mass`, in (0, 1), of their sum;
/// nothing where rounding would decide. `least`: smaller weights need not be looked at, by the
/// weight of the greatest logit.
template <typename Value>
std::optional<Border> border_at(std::span<const float> logits, double mass, double least,
                                const Value& value_of, NucleusScratch& scratch) {
  const std::size_t room = logits.size() + kDoubleWidth;
  if (scratch.values.size() < 2 * room) {
    scratch.values.resize(2 * room);
    scratch.weights.resize(2 * room);
  }
  const Pairs other{scratch.values.data() + room, scratch.weights.data() + room};
  const float greatest = logits[argmax(logits)];
  const auto guess = guess_window(logits, greatest, mass, value_of);
  for (const Window& window : {guess.value_or(Window()), Window()}) {
    Pairs pairs{scratch.values.data(), scratch.weights.data()};
    const Weights sums = weigh(logits, greatest, least, window, value_of, pairs);
    const double wanted = mass * sums.all;
    const double tolerance = kTolerance * sums.all;
    const bool inside =
        sums.above < wanted - tolerance && sums.above + sums.listed > wanted + tolerance;
    if (window.bounded() && !inside) continue;
    return find_border(pairs, other, sums.above, sums.listed, wanted, tolerance);
  }
  return std::nullopt;
}

}  // namespace
}  // namespace trellis::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
