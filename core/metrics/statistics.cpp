#include "core/metrics/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

#include "core/metrics/hypothesis_tests.hpp"
#include "core/metrics/random.hpp"
#include "core/metrics/summed_samples.hpp"
#include "core/metrics/weighted_sums.hpp"

namespace trellis::metrics {
namespace {

/// Sums of the same numbers in another order differ by rounding.
constexpr double kRounding = 1e-11;

/// The rows of the same cluster added up, in the order in which clusters first appear.
std::vector<double> merged(const std::vector<double>& rows, std::size_t width, Clusters clusters) {
  std::unordered_map<std::uint64_t, std::size_t> places;
  std::vector<double> sums;
  for (std::size_t i = 0; i < clusters.size(); ++i) {
    const auto [place, fresh] = places.try_emplace(clusters[i], sums.size());
    if (fresh) sums.resize(sums.size() + width, 0.0);
    for (std::size_t k = 0; k < width; ++k) sums[place->second + k] += rows[i * width + k];
  }
  return sums;
}

/// One system: its examples' rows, and how a value follows from their sums.
class System {
 public:
  System(const Summation& summation, std::span<const SampleValue> samples, Clusters clusters)
      : summation_(summation),
        rows_(clusters.empty() ? rows_of(summation, samples)
                               : merged(rows_of(summation, samples), summation.width, clusters),
              summation.width),
        sums_(summation.width) {}

  std::size_t count() const { return rows_.count(); }
  const WeightedSums& rows() const { return rows_; }

  std::optional<double> value(std::span<const double> weights) {
    rows_.sum(weights, sums_);
    return value_of(summation_, sums_);
  }
  std::optional<double> value_of_sums(std::span<const double> sums) const {
    return value_of(summation_, sums);
  }
  /// All examples once.
  std::optional<double> value() {
    std::vector<double> ones(rows_.weights_size(), 0.0);
    std::fill_n(ones.begin(), count(), 1.0);
    return value(ones);
  }
  /// Without one example each, from the sums of the last value.
  std::vector<double> leave_one_out() const {
    std::vector<double> values;
    std::vector<double> sums(sums_.size());
    for (std::size_t i = 0; i < count(); ++i) {
      for (std::size_t k = 0; k < sums.size(); ++k) sums[k] = sums_[k] - rows_.at(i, k);
      const auto value = value_of(summation_, sums);
      if (!value) return {};
      values.push_back(*value);
    }
    return values;
  }

 private:
  Summation summation_;
  WeightedSums rows_;
  std::vector<double> sums_;
};

DrawIndices indices_from(Random& random) {
  return [&random](std::span<std::uint32_t> indices) {
    const std::uint64_t count = indices.size();
    // The upper half of a 32 by 32 bit product: its bias is at most count / 2^32.
    const auto index_from = [count](std::uint64_t bits) {
      return static_cast<std::uint32_t>((bits * count) >> 32U);
    };
    for (std::size_t i = 0; i < indices.size(); i += 2) {
      const std::uint64_t bits = random.next();
      indices[i] = index_from(bits >> 32U);
      if (i + 1 < indices.size()) indices[i + 1] = index_from(bits & 0xFFFFFFFFU);
    }
  };
}

DrawSwaps swaps_from(Random& random) {
  return [&random](std::span<std::uint8_t> swaps) {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < swaps.size(); ++i) {
      if (i % 64 == 0) bits = random.next();
      swaps[i] = static_cast<std::uint8_t>(bits & 1U);
      bits >>= 1U;
    }
  };
}

/// Turns drawn indices into how often each example was drawn.
class Resample {
 public:
  Resample(std::size_t count, std::size_t weights_size)
      : indices_(count), counts_(weights_size), weights_(weights_size) {}

  std::span<const double> next(const DrawIndices& draw) {
    draw(indices_);
    std::fill(counts_.begin(), counts_.end(), 0U);
    for (const auto index : indices_) ++counts_[index];
    std::copy(counts_.begin(), counts_.end(), weights_.begin());
    return weights_;
  }

 private:
  std::vector<std::uint32_t> indices_;
  std::vector<std::uint32_t> counts_;
  std::vector<double> weights_;
};

std::optional<Interval> interval_of(std::vector<double> values, double confidence) {
  if (values.empty()) return std::nullopt;
  std::sort(values.begin(), values.end());
  const double tail = (1 - confidence) / 2;
  return Interval{percentile(values, tail), percentile(values, 1 - tail)};
}

/// The samples, and their clusters, for which `keep(i)` holds.
struct Kept {
  std::vector<SampleValue> samples;
  std::vector<std::uint64_t> clusters;
};

template <typename Keep>
Kept kept(std::span<const SampleValue> samples, Clusters clusters, Keep keep) {
  Kept kept;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (!keep(i)) continue;
    kept.samples.push_back(samples[i]);
    if (!clusters.empty()) kept.clusters.push_back(clusters[i]);
  }
  return kept;
}

/// Both computed in the same way: by statistics only where both have them.
struct Systems {
  Systems(std::string_view metric, std::span<const SampleValue> baseline,
          std::span<const SampleValue> candidate, Clusters clusters)
      : summation(common(summation_of(metric, baseline), summation_of(metric, candidate))),
        baseline(summation, baseline, clusters),
        candidate(summation, candidate, clusters) {}

  static Summation common(const Summation& a, const Summation& b) { return a.means ? a : b; }

  Summation summation;
  System baseline;
  System candidate;
};

std::vector<double> resampled_differences(Systems& systems, std::size_t resamples,
                                          const DrawIndices& draw) {
  Resample resample(systems.baseline.count(), systems.baseline.rows().weights_size());
  std::vector<double> differences;
  for (std::size_t i = 0; i < resamples; ++i) {
    const auto weights = resample.next(draw);
    const auto left = systems.baseline.value(weights);
    const auto right = systems.candidate.value(weights);
    if (left && right) differences.push_back(*right - *left);
  }
  return differences;
}

double randomization_p(Systems& systems, std::size_t trials, const DrawSwaps& draw) {
  auto& [summation, baseline, candidate] = systems;
  const std::size_t count = baseline.count();
  const std::size_t width = summation.width;
  std::vector<double> changes(count * width);  // what a swap adds to the baseline
  std::vector<double> left(width, 0.0);
  std::vector<double> right(width, 0.0);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t k = 0; k < width; ++k) {
      changes[i * width + k] = candidate.rows().at(i, k) - baseline.rows().at(i, k);
      left[k] += baseline.rows().at(i, k);
      right[k] += candidate.rows().at(i, k);
    }
  }
  const auto first = baseline.value_of_sums(left);
  const auto second = candidate.value_of_sums(right);
  if (!first || !second) return 1;
  // A trial that differs as much but for rounding is as extreme.
  const double threshold =
      std::abs(*second - *first) - kRounding * (std::abs(*first) + std::abs(*second));
  const WeightedSums sums(changes, width);
  std::vector<std::uint8_t> swaps(count);
  std::vector<double> weights(sums.weights_size(), 0.0);
  std::vector<double> moved(width);
  std::vector<double> swapped_left(width);
  std::vector<double> swapped_right(width);
  std::size_t as_extreme = 1;
  for (std::size_t trial = 0; trial < trials; ++trial) {
    draw(swaps);
    std::copy(swaps.begin(), swaps.end(), weights.begin());
    sums.sum(weights, moved);
    for (std::size_t k = 0; k < width; ++k) {
      swapped_left[k] = left[k] + moved[k];
      swapped_right[k] = right[k] - moved[k];
    }
    const auto a = baseline.value_of_sums(swapped_left);
    const auto b = candidate.value_of_sums(swapped_right);
    // Without a value a trial is counted against significance.
    if (!a || !b || std::abs(*b - *a) >= threshold) ++as_extreme;
  }
  return static_cast<double>(as_extreme) / static_cast<double>(trials + 1);
}

double bootstrap_p(const std::vector<double>& differences, double observed, double scale) {
  if (differences.empty()) return 1;
  const auto absolute_sum = [](double sum, double value) { return sum + std::abs(value); };
  const auto count = static_cast<double>(differences.size());
  const double mean =
      std::accumulate(differences.begin(), differences.end(), 0.0, absolute_sum) / count;
  const double threshold = std::abs(observed) - kRounding * scale;
  const auto as_extreme = static_cast<double>(
      std::count_if(differences.begin(), differences.end(),
                    [&](double difference) { return std::abs(difference) - mean >= threshold; }));
  return (as_extreme + 1) / (count + 1);
}

/// The standard deviation of one example's part in the difference (Efron and Stein 1981).
std::optional<double> effect_size(const Systems& systems, double difference) {
  const auto left = systems.baseline.leave_one_out();
  const auto right = systems.candidate.leave_one_out();
  if (left.empty() || right.empty()) return std::nullopt;
  const auto count = static_cast<double>(left.size());
  double mean = 0;
  for (std::size_t i = 0; i < left.size(); ++i) mean += (right[i] - left[i]) / count;
  double squares = 0;
  for (std::size_t i = 0; i < left.size(); ++i) {
    squares += (right[i] - left[i] - mean) * (right[i] - left[i] - mean);
  }
  const double deviation = std::sqrt(squares * (count - 1));
  if (deviation <= kRounding * std::abs(difference)) return std::nullopt;
  return difference / deviation;
}

/// Nothing where the samples are not pass or fail.
std::optional<double> mcnemar(std::span<const SampleValue> baseline,
                              std::span<const SampleValue> candidate) {
  std::size_t only_baseline = 0;
  std::size_t only_candidate = 0;
  const auto binary = [](double value) { return value == 0 || value == 1; };
  for (std::size_t i = 0; i < baseline.size(); ++i) {
    if (!binary(*baseline[i].value) || !binary(*candidate[i].value)) return std::nullopt;
    if (*baseline[i].value > *candidate[i].value) ++only_baseline;
    if (*baseline[i].value < *candidate[i].value) ++only_candidate;
  }
  return mcnemar_p_value(only_baseline, only_candidate);
}

}  // namespace

std::vector<double> bootstrap_values(std::string_view metric, std::span<const SampleValue> samples,
                                     std::size_t resamples, const DrawIndices& draw,
                                     Clusters clusters) {
  const auto defined =
      kept(samples, clusters, [&](std::size_t i) { return samples[i].value.has_value(); });
  System system(summation_of(metric, defined.samples), defined.samples, defined.clusters);
  std::vector<double> values;
  if (system.count() == 0) return values;
  Resample resample(system.count(), system.rows().weights_size());
  values.reserve(resamples);
  for (std::size_t i = 0; i < resamples; ++i) {
    if (const auto value = system.value(resample.next(draw))) values.push_back(*value);
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
                             const DrawSwaps& draw, Clusters clusters) {
  Systems systems(metric, baseline, candidate, clusters);
  return randomization_p(systems, trials, draw);
}

double bootstrap_p_value(std::string_view metric, std::span<const SampleValue> baseline,
                         std::span<const SampleValue> candidate, std::size_t resamples,
                         const DrawIndices& draw, Clusters clusters) {
  Systems systems(metric, baseline, candidate, clusters);
  const auto left = systems.baseline.value();
  const auto right = systems.candidate.value();
  if (!left || !right) return 1;
  return bootstrap_p(resampled_differences(systems, resamples, draw), *right - *left,
                     std::abs(*left) + std::abs(*right));
}

std::optional<Interval> bootstrap_interval(std::string_view metric,
                                           std::span<const SampleValue> samples,
                                           const ResamplingOptions& options, Clusters clusters) {
  const auto defined =
      kept(samples, clusters, [&](std::size_t i) { return samples[i].value.has_value(); });
  const System system(summation_of(metric, defined.samples), defined.samples, defined.clusters);
  if (system.count() < 2) return std::nullopt;
  Random random(options.seed);
  return interval_of(bootstrap_values(metric, defined.samples, options.resamples,
                                      indices_from(random), defined.clusters),
                     options.confidence);
}

std::optional<PairedTest> paired_test(std::string_view metric,
                                      std::span<const SampleValue> baseline,
                                      std::span<const SampleValue> candidate,
                                      const ResamplingOptions& options, Clusters clusters) {
  const auto both = [&](std::size_t i) { return baseline[i].value && candidate[i].value; };
  const auto left = kept(baseline, clusters, both);
  const auto right = kept(candidate, clusters, both);
  Systems systems(metric, left.samples, right.samples, left.clusters);
  const std::size_t examples = systems.baseline.count();
  if (examples < 2) return std::nullopt;
  const auto baseline_value = systems.baseline.value();
  const auto candidate_value = systems.candidate.value();
  if (!baseline_value || !candidate_value) return std::nullopt;

  PairedTest test;
  test.difference = *candidate_value - *baseline_value;
  test.effect_size = effect_size(systems, test.difference);
  test.n = left.samples.size();
  Random random(options.seed);
  const auto differences = resampled_differences(systems, options.resamples, indices_from(random));
  test.bootstrap_p = bootstrap_p(differences, test.difference,
                                 std::abs(*baseline_value) + std::abs(*candidate_value));
  test.interval = interval_of(differences, options.confidence)
                      .value_or(Interval{test.difference, test.difference});
  if (systems.summation.means && examples == test.n) {
    if (const auto p = mcnemar(left.samples, right.samples)) {
      test.kind = PairedTestKind::mcnemar;
      test.p_value = *p;
      return test;
    }
  }
  test.p_value = randomization_p(systems, options.trials > 0 ? options.trials : options.resamples,
                                 swaps_from(random));
  return test;
}

}  // namespace trellis::metrics
