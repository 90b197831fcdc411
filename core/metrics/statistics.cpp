#include "core/metrics/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include "core/metrics/summed_samples.hpp"

namespace trellis::metrics {
namespace {

/// The samples of one system that have a value, ready to be added up.
struct Rows {
  Summation summation;
  std::vector<double> numbers;

  std::size_t count() const { return numbers.size() / summation.width; }
  const double* row(std::size_t index) const { return numbers.data() + index * summation.width; }
};

Rows make_rows(std::string_view metric, std::span<const SampleValue> samples) {
  const auto summation = summation_of(metric, samples);
  return {summation, rows_of(summation, samples)};
}

void add(const double* row, std::vector<double>& sums) {
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += row[i];
}

std::optional<double> value_at(const Rows& rows, std::span<const std::uint32_t> indices) {
  std::vector<double> sums(rows.summation.width, 0.0);
  for (const auto index : indices) add(rows.row(index), sums);
  return value_of(rows.summation, sums);
}

/// The standard fixes what mt19937_64 gives, but not its distributions: hence the draws by hand.
DrawIndices indices_from(std::mt19937_64& generator) {
  return [&generator](std::span<std::uint32_t> indices) {
    const std::uint64_t count = indices.size();
    // The upper half of a 32 by 32 bit product: its bias is at most count / 2^32.
    for (auto& index : indices) {
      index = static_cast<std::uint32_t>(((generator() >> 32U) * count) >> 32U);
    }
  };
}

DrawSwaps swaps_from(std::mt19937_64& generator) {
  return [&generator](std::span<std::uint8_t> swaps) {
    for (auto& swap : swaps) swap = static_cast<std::uint8_t>(generator() >> 63U);
  };
}

std::optional<Interval> interval_of(std::vector<double> values, double confidence) {
  if (values.empty()) return std::nullopt;
  std::sort(values.begin(), values.end());
  const double tail = (1 - confidence) / 2;
  return Interval{percentile(values, tail), percentile(values, 1 - tail)};
}

struct Pairs {
  std::vector<SampleValue> baseline;
  std::vector<SampleValue> candidate;
};

Pairs defined_pairs(std::span<const SampleValue> baseline, std::span<const SampleValue> candidate) {
  Pairs pairs;
  for (std::size_t i = 0; i < baseline.size(); ++i) {
    if (!baseline[i].value || !candidate[i].value) continue;
    pairs.baseline.push_back(baseline[i]);
    pairs.candidate.push_back(candidate[i]);
  }
  return pairs;
}

/// Both systems are computed in the same way: by statistics only where both have them.
void make_alike(Rows& a, std::span<const SampleValue> a_samples, Rows& b,
                std::span<const SampleValue> b_samples) {
  if (a.summation.means == b.summation.means) return;
  const auto& summation = a.summation.means ? a.summation : b.summation;
  a = {summation, rows_of(summation, a_samples)};
  b = {summation, rows_of(summation, b_samples)};
}

double p_value_of(const Rows& baseline, const Rows& candidate, std::size_t trials,
                  const DrawSwaps& draw) {
  const std::size_t count = baseline.count();
  std::vector<std::uint8_t> swaps(count, 0);
  std::vector<double> left(baseline.summation.width);
  std::vector<double> right(baseline.summation.width);
  double scale = 0;
  const auto difference = [&]() -> std::optional<double> {
    std::fill(left.begin(), left.end(), 0.0);
    std::fill(right.begin(), right.end(), 0.0);
    for (std::size_t i = 0; i < count; ++i) {
      add((swaps[i] != 0 ? candidate : baseline).row(i), left);
      add((swaps[i] != 0 ? baseline : candidate).row(i), right);
    }
    const auto a = value_of(baseline.summation, left);
    const auto b = value_of(baseline.summation, right);
    if (!a || !b) return std::nullopt;
    scale = std::abs(*a) + std::abs(*b);
    return std::abs(*b - *a);
  };
  const auto observed = difference();
  if (!observed) return 1;
  // Sums of the same numbers in another order differ by rounding; such a trial is as extreme.
  const double threshold = *observed - 1e-11 * scale;
  std::size_t as_extreme = 1;
  for (std::size_t trial = 0; trial < trials; ++trial) {
    draw(swaps);
    const auto trial_difference = difference();
    // Without a value a trial is counted against significance.
    if (!trial_difference || *trial_difference >= threshold) ++as_extreme;
  }
  return static_cast<double>(as_extreme) / static_cast<double>(trials + 1);
}

}  // namespace

std::vector<double> bootstrap_values(std::string_view metric, std::span<const SampleValue> samples,
                                     std::size_t resamples, const DrawIndices& draw) {
  const auto rows = make_rows(metric, samples);
  std::vector<std::uint32_t> indices(rows.count());
  std::vector<double> values;
  values.reserve(resamples);
  for (std::size_t i = 0; i < resamples && !indices.empty(); ++i) {
    draw(indices);
    if (const auto value = value_at(rows, indices)) values.push_back(*value);
  }
  return values;
}

double percentile(std::span<const double> sorted, double share) {
  const double position = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(position));
  const auto above = std::min(below + 1, sorted.size() - 1);
  const double weight = position - static_cast<double>(below);
  return sorted[below] + (sorted[above] - sorted[below]) * weight;
}

double randomization_p_value(std::string_view metric, std::span<const SampleValue> baseline,
                             std::span<const SampleValue> candidate, std::size_t trials,
                             const DrawSwaps& draw) {
  auto a = make_rows(metric, baseline);
  auto b = make_rows(metric, candidate);
  make_alike(a, baseline, b, candidate);
  return p_value_of(a, b, trials, draw);
}

std::optional<Interval> bootstrap_interval(std::string_view metric,
                                           std::span<const SampleValue> samples,
                                           const ResamplingOptions& options) {
  const auto defined = std::count_if(samples.begin(), samples.end(),
                                     [](const auto& sample) { return sample.value.has_value(); });
  if (defined < 2) return std::nullopt;
  std::mt19937_64 generator(options.seed);
  return interval_of(bootstrap_values(metric, samples, options.resamples, indices_from(generator)),
                     options.confidence);
}

std::optional<PairedTest> paired_test(std::string_view metric,
                                      std::span<const SampleValue> baseline,
                                      std::span<const SampleValue> candidate,
                                      const ResamplingOptions& options) {
  const auto pairs = defined_pairs(baseline, candidate);
  if (pairs.baseline.size() < 2) return std::nullopt;
  auto a = make_rows(metric, pairs.baseline);
  auto b = make_rows(metric, pairs.candidate);
  make_alike(a, pairs.baseline, b, pairs.candidate);

  std::vector<std::uint32_t> indices(a.count());
  for (std::uint32_t i = 0; i < indices.size(); ++i) indices[i] = i;
  const auto baseline_value = value_at(a, indices);
  const auto candidate_value = value_at(b, indices);
  if (!baseline_value || !candidate_value) return std::nullopt;

  std::mt19937_64 generator(options.seed);
  const auto draw = indices_from(generator);
  std::vector<double> differences;
  for (std::size_t i = 0; i < options.resamples; ++i) {
    draw(indices);
    const auto left = value_at(a, indices);
    const auto right = value_at(b, indices);
    if (left && right) differences.push_back(*right - *left);
  }
  PairedTest test;
  test.difference = *candidate_value - *baseline_value;
  test.interval = interval_of(std::move(differences), options.confidence)
                      .value_or(Interval{test.difference, test.difference});
  test.p_value = p_value_of(a, b, options.resamples, swaps_from(generator));
  test.n = a.count();
  return test;
}

}  // namespace trellis::metrics
