#include "core/kernels/distribution.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/kernels/elementary.hpp"

namespace trellis::kernels {
namespace {

constexpr std::size_t kLanes = 8;
constexpr std::size_t kBlock = 256;  // a multiple of kLanes that stays in the first-level cache
constexpr double kLeast = -708;      // e^-708 is the least normal double; below it counts as zero

using Lanes = std::array<double, kLanes>;

double tree(const Lanes& lanes) {
  return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) +
         ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

void add(Lanes& lanes, const std::array<double, kBlock>& block) {
  for (std::size_t i = 0; i < kBlock; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += block[i + lane];
  }
}

// Ignores NaN, which the sums find.
float greatest(std::span<const float> values) {
  constexpr std::size_t kWidth = 16;
  std::array<float, kWidth> lanes;
  lanes.fill(-std::numeric_limits<float>::infinity());
  const std::size_t whole = values.size() / kWidth * kWidth;
  for (std::size_t i = 0; i < whole; i += kWidth) {
    for (std::size_t lane = 0; lane < kWidth; ++lane) {
      const float value = values[i + lane];
      lanes[lane] = value > lanes[lane] ? value : lanes[lane];
    }
  }
  for (std::size_t i = whole; i < values.size(); ++i) {
    lanes[0] = values[i] > lanes[0] ? values[i] : lanes[0];
  }
  return *std::max_element(lanes.begin(), lanes.end());
}

// e^(value - maximum) for one block, and that times (value - maximum) where `products` is wanted.
template <bool kProducts>
void weigh(std::span<const float> values, double maximum, std::array<double, kBlock>& weights,
           std::array<double, kBlock>& products) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double distance = static_cast<double>(values[i]) - maximum;
    const double bounded = distance < kLeast ? kLeast : distance;  // keeps NaN
    const double power = exponential(bounded);
    const double weight = distance < kLeast ? 0.0 : power;
    weights[i] = weight;
    if constexpr (kProducts) products[i] = weight * bounded;
  }
  for (std::size_t i = values.size(); i < kBlock; ++i) {
    weights[i] = 0;
    if constexpr (kProducts) products[i] = 0;
  }
}

template <bool kProducts>
Distribution describe(std::span<const float> logits) {
  const double maximum = greatest(logits);
  if (std::isinf(maximum) && maximum < 0) {
    const bool nan = std::any_of(logits.begin(), logits.end(), [](float x) { return x != x; });
    return {nan ? std::numeric_limits<double>::quiet_NaN() : maximum, 0};
  }
  Lanes sums{};
  Lanes product_sums{};
  std::array<double, kBlock> weights;
  std::array<double, kBlock> products;
  for (std::size_t begin = 0; begin < logits.size(); begin += kBlock) {
    const std::size_t size = std::min(kBlock, logits.size() - begin);
    weigh<kProducts>(logits.subspan(begin, size), maximum, weights, products);
    add(sums, weights);
    if constexpr (kProducts) add(product_sums, products);
  }
  const double sum = tree(sums);
  if (std::isnan(sum)) return {sum, sum};
  const double logarithm_of_sum = logarithm(sum);  // the sum is at least 1
  // H = -sum p log p with log p = d - log S, d = logit - maximum.
  const double entropy = kProducts ? logarithm_of_sum - tree(product_sums) / sum : 0.0;
  return {maximum + logarithm_of_sum, std::max(entropy, 0.0)};
}

}  // namespace

Distribution describe_distribution(std::span<const float> logits) {
  return describe<true>(logits);
}

double log_sum_exp(std::span<const float> logits) {
  return describe<false>(logits).log_sum_exp;
}

void log_softmax(std::span<const float> logits, std::span<float> out) {
  const double sum = log_sum_exp(logits);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    out[i] = static_cast<float>(static_cast<double>(logits[i]) - sum);
  }
}

double softmax(std::span<const float> logits, std::span<double> out) {
  const double sum = log_sum_exp(logits);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double distance = static_cast<double>(logits[i]) - sum;
    const double bounded = distance < kLeast ? kLeast : distance;
    const double power = exponential(bounded);
    out[i] = distance < kLeast ? 0.0 : power;
  }
  return sum;
}

bool has_choice(std::span<const float> logits) {
  // x - x is 0 for finite x and NaN for the others; -infinity is let through.
  constexpr float kLowest = -std::numeric_limits<float>::infinity();
  int bad = 0;
  int finite = 0;
  for (const float x : logits) {
    const bool is_finite = x - x == 0.0F;
    finite |= static_cast<int>(is_finite);
    bad |= static_cast<int>(!is_finite && !(x == kLowest));
  }
  return bad == 0 && finite != 0;
}

}  // namespace trellis::kernels
