#include "core/kernels/distribution.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/distribution.cpp"
#include <hwy/foreach_target.h>

#include "core/kernels/double-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace trellis::kernels::HWY_NAMESPACE {
namespace {

constexpr float kLowest = -std::numeric_limits<float>::infinity();
constexpr double kLeast = -708;  // e^-708 is the least normal double; below it counts as zero

using SingleFloats = hn::CappedTag<float, 16>;

// Sums in eight interleaved lanes.
struct DoubleSums {
  DoubleVector part[kDoubleParts];

  HWY_INLINE void clear() {
    for (DoubleVector& sum : part) sum = double_constant(0);
  }
  HWY_INLINE double tree() const {
    double lanes[kDoubleLanes];
    for (std::size_t i = 0; i < kDoubleParts; ++i) {
      hn::StoreU(part[i], Doubles(), lanes + i * kDoubleWidth);
    }
    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) +
           ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
  }
};

// Ignores NaN, which the sums find.
float greatest(std::span<const float> values) {
  const SingleFloats d;
  const std::size_t width = hn::Lanes(d);
  auto lanes = hn::Set(d, kLowest);
  std::size_t i = 0;
  for (; i + width <= values.size(); i += width) {
    const auto value = hn::LoadU(d, values.data() + i);
    lanes = hn::IfThenElse(hn::Gt(value, lanes), value, lanes);
  }
  float all[16];
  hn::StoreU(lanes, d, all);
  float best = *std::max_element(all, all + width);
  for (; i < values.size(); ++i) best = values[i] > best ? values[i] : best;
  return best;
}

// e^distance, zero where that is less than any normal double; NaN stays NaN.
HWY_INLINE DoubleVector weight_of(DoubleVector distance, DoubleVector& bounded) {
  const DoubleVector least = double_constant(kLeast);
  const auto vanishes = hn::Lt(distance, least);
  bounded = hn::IfThenElse(vanishes, least, distance);
  return hn::IfThenElse(vanishes, double_constant(0), exponential(bounded));
}

struct Sums {
  double weights = 0;
  double products = 0;  // of weights and distances
};

template <bool kProducts>
Sums sums_over(std::span<const float> logits, double maximum) {
  const DoubleVector middle = double_constant(maximum);
  DoubleSums weights;
  DoubleSums products;
  weights.clear();
  products.clear();
  for (std::size_t begin = 0; begin < logits.size(); begin += kDoubleLanes) {
    for (std::size_t part = 0; part < kDoubleParts; ++part) {
      const std::size_t at = begin + part * kDoubleWidth;
      if (at >= logits.size()) break;
      const auto values = load_floats(logits.data() + at, logits.size() - at, kLowest);
      DoubleVector bounded;
      const DoubleVector weight = weight_of(hn::Sub(values, middle), bounded);
      weights.part[part] = hn::Add(weights.part[part], weight);
      if constexpr (kProducts) {
        products.part[part] = hn::Add(products.part[part], hn::Mul(weight, bounded));
      }
    }
  }
  return {weights.tree(), kProducts ? products.tree() : 0.0};
}

template <bool kProducts>
Distribution describe(std::span<const float> logits) {
  const double maximum = greatest(logits);
  if (std::isinf(maximum) && maximum < 0) {
    const bool nan = std::any_of(logits.begin(), logits.end(), [](float x) { return x != x; });
    return {nan ? std::numeric_limits<double>::quiet_NaN() : maximum, 0};
  }
  const auto [sum, products] = sums_over<kProducts>(logits, maximum);
  if (std::isnan(sum)) return {sum, sum};
  const double logarithm_of_sum = kernels::logarithm(sum);  // the sum is at least 1
  // H = -sum p log p with log p = d - log S, d = logit - maximum.
  const double entropy = kProducts ? logarithm_of_sum - products / sum : 0.0;
  return {maximum + logarithm_of_sum, std::max(entropy, 0.0)};
}

Distribution describe_all(std::span<const float> logits) {
  return describe<true>(logits);
}

double sum_all(std::span<const float> logits) {
  return describe<false>(logits).log_sum_exp;
}

void subtract(const float* logits, std::size_t size, double sum, float* out) {
  const DoubleVector subtracted = double_constant(sum);
  std::size_t i = 0;
  for (; i + kDoubleWidth <= size; i += kDoubleWidth) {
    const DoubleVector distance = hn::Sub(load_floats(logits + i, size - i, 0), subtracted);
    hn::StoreU(to_floats(distance), NarrowFloats(), out + i);
  }
  for (; i < size; ++i) out[i] = static_cast<float>(static_cast<double>(logits[i]) - sum);
}

void weigh(const float* logits, std::size_t size, double sum, double* out) {
  const DoubleVector subtracted = double_constant(sum);
  DoubleVector bounded;
  for (std::size_t i = 0; i < size; i += kDoubleWidth) {
    const DoubleVector values = load_floats(logits + i, size - i, kLowest);
    const DoubleVector weight = weight_of(hn::Sub(values, subtracted), bounded);
    if (i + kDoubleWidth <= size) {
      hn::StoreU(weight, Doubles(), out + i);
    } else {
      double all[kDoubleWidth];
      hn::StoreU(weight, Doubles(), all);
      std::copy_n(all, size - i, out + i);
    }
  }
}

bool can_choose(std::span<const float> logits) {
  const SingleFloats d;
  const std::size_t width = hn::Lanes(d);
  const auto lowest = hn::Set(d, kLowest);
  const auto zero = hn::Zero(d);
  auto finite = hn::Eq(zero, hn::Set(d, 1));
  auto usable = hn::Not(finite);
  std::size_t i = 0;
  for (; i + width <= logits.size(); i += width) {
    const auto x = hn::LoadU(d, logits.data() + i);
    const auto is_finite = hn::Eq(hn::Sub(x, x), zero);  // NaN for what is not finite
    finite = hn::Or(finite, is_finite);
    usable = hn::And(usable, hn::Or(is_finite, hn::Eq(x, lowest)));
  }
  bool any = !hn::AllFalse(d, finite);
  bool good = hn::AllTrue(d, usable);
  for (; i < logits.size(); ++i) {
    any = any || std::isfinite(logits[i]);
    good = good && (std::isfinite(logits[i]) || logits[i] == kLowest);
  }
  return any && good;
}

}  // namespace
}  // namespace trellis::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace trellis::kernels {

HWY_EXPORT(describe_all);
HWY_EXPORT(sum_all);
HWY_EXPORT(subtract);
HWY_EXPORT(weigh);
HWY_EXPORT(can_choose);

Distribution describe_distribution(std::span<const float> logits) {
  return HWY_DYNAMIC_DISPATCH(describe_all)(logits);
}

double log_sum_exp(std::span<const float> logits) {
  return HWY_DYNAMIC_DISPATCH(sum_all)(logits);
}

void log_softmax(std::span<const float> logits, std::span<float> out) {
  HWY_DYNAMIC_DISPATCH(subtract)(logits.data(), logits.size(), log_sum_exp(logits), out.data());
}

double softmax(std::span<const float> logits, std::span<double> out) {
  const double sum = log_sum_exp(logits);
  HWY_DYNAMIC_DISPATCH(weigh)(logits.data(), logits.size(), sum, out.data());
  return sum;
}

bool has_choice(std::span<const float> logits) {
  return HWY_DYNAMIC_DISPATCH(can_choose)(logits);
}

}  // namespace trellis::kernels
#endif
