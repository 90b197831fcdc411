#include "core/metrics/ratios.hpp"

#include <cmath>
#include <numbers>

namespace trellis::metrics {
namespace {

SampleValue sample(double numerator, double denominator, double (*value)(std::span<const double>)) {
  SampleValue result{std::nullopt, {numerator, denominator}};
  const double number = value(result.statistics);
  if (std::isfinite(number)) result.value = number;
  return result;
}

}  // namespace

SampleValue perplexity(double nll, std::size_t tokens) {
  return sample(nll, static_cast<double>(tokens), &perplexity_of_sums);
}

SampleValue bits_per_byte(double nll, std::size_t bytes) {
  return sample(nll, static_cast<double>(bytes), &bits_per_byte_of_sums);
}

SampleValue tokens_per_second(std::size_t tokens, double seconds) {
  return sample(static_cast<double>(tokens), seconds, &ratio_of_sums);
}

SampleValue draft_acceptance(std::size_t accepted, std::size_t proposed) {
  return sample(static_cast<double>(accepted), static_cast<double>(proposed), &ratio_of_sums);
}

double perplexity_of_sums(std::span<const double> sums) {
  return std::exp(sums[0] / sums[1]);
}

double bits_per_byte_of_sums(std::span<const double> sums) {
  return sums[0] / std::numbers::ln2 / sums[1];
}

double ratio_of_sums(std::span<const double> sums) {
  return sums[0] / sums[1];
}

}  // namespace trellis::metrics
