/// Confidence intervals and paired tests over samples.
///
/// Samples of the same example are not independent of one another. Where `clusters` are given (one
/// number a sample, equal for samples of the same example), whole examples are drawn and swapped
/// instead of samples; without them every sample is an example of its own. A function that takes
/// `clusters` wants none or as many as samples.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/metrics/metric.hpp"

namespace trellis::metrics {

struct Interval {
  double low = 0;
  double high = 0;
};

struct ResamplingOptions {
  std::size_t resamples = 1000;
  std::uint64_t seed = 12345;
  double confidence = 0.95;
  std::size_t trials = 0;  ///< of randomization; 0: as many as resamples
};

using Clusters = std::span<const std::uint64_t>;

/// Fills `indices` with which examples a resample takes, each from 0 to its size - 1.
using DrawIndices = std::function<void(std::span<std::uint32_t> indices)>;
/// Fills `swaps` with 1 where the two systems change places in a trial, else 0.
using DrawSwaps = std::function<void(std::span<std::uint8_t> swaps)>;

/// corpus_value of each resample of the samples that have a value, in the order drawn; resamples
/// without one are left out.
std::vector<double> bootstrap_values(std::string_view metric, std::span<const SampleValue> samples,
                                     std::size_t resamples, const DrawIndices& draw,
                                     Clusters clusters = {});

/// Percentile by linear interpolation between order statistics; `share` in [0, 1]. `sorted` must
/// hold at least one value.
double percentile(std::span<const double> sorted, double share);

/// Share of trials, the data themselves counted as one, that differ at least as much as the data.
/// Every pair must have both values.
double randomization_p_value(std::string_view metric, std::span<const SampleValue> baseline,
                             std::span<const SampleValue> candidate, std::size_t trials,
                             const DrawSwaps& draw, Clusters clusters = {});

/// The paired bootstrap test with its distribution shifted to no difference (Koehn 2004; Riezler &
/// Maxwell 2005), as sacrebleu has it but for resamples that differ exactly as much as the data,
/// which count against significance: so no system differs from itself. Every pair must have both
/// values.
double bootstrap_p_value(std::string_view metric, std::span<const SampleValue> baseline,
                         std::span<const SampleValue> candidate, std::size_t resamples,
                         const DrawIndices& draw, Clusters clusters = {});

/// Percentile bootstrap interval of corpus_value (Efron 1979; Koehn 2004 for BLEU). Nothing with
/// fewer than two examples that have a value.
std::optional<Interval> bootstrap_interval(std::string_view metric,
                                           std::span<const SampleValue> samples,
                                           const ResamplingOptions& options = {},
                                           Clusters clusters = {});

enum class PairedTestKind {
  randomization,  ///< paired approximate randomization (Riezler & Maxwell 2005)
  mcnemar         ///< of pass or fail, one sample an example: its exact form (McNemar 1947)
};

struct PairedTest {
  double difference = 0;  ///< corpus value of `candidate` minus that of `baseline`
  Interval interval;      ///< bootstrap interval of the difference
  PairedTestKind kind = PairedTestKind::randomization;
  double p_value = 1;      ///< two-sided, of that kind
  double bootstrap_p = 1;  ///< of the paired bootstrap test
  /// The difference in units of the standard deviation of one example's: Cohen's d of pairs for a
  /// mean, for corpus metrics by the jackknife. Nothing where examples do not vary.
  std::optional<double> effect_size;
  std::size_t n = 0;  ///< pairs of samples compared
};

/// `baseline[i]` and `candidate[i]` are of the same example. Pairs where either value is undefined
/// are left out. Nothing with fewer than two examples. Both must have the same length.
std::optional<PairedTest> paired_test(std::string_view metric,
                                      std::span<const SampleValue> baseline,
                                      std::span<const SampleValue> candidate,
                                      const ResamplingOptions& options = {},
                                      Clusters clusters = {});

}  // namespace trellis::metrics
