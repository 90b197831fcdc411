/// Confidence intervals and paired tests over samples.
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
};

/// Fills `indices` with which samples a resample takes, each from 0 to its size - 1.
using DrawIndices = std::function<void(std::span<std::uint32_t> indices)>;
/// Fills `swaps` with 1 where the two systems change places in a trial, else 0.
using DrawSwaps = std::function<void(std::span<std::uint8_t> swaps)>;

/// corpus_value of each resample of the samples that have a value, in the order drawn; resamples
/// without one are left out.
std::vector<double> bootstrap_values(std::string_view metric, std::span<const SampleValue> samples,
                                     std::size_t resamples, const DrawIndices& draw);

/// Percentile by linear interpolation between order statistics; `share` in [0, 1]. `sorted` must
/// hold at least one value.
double percentile(std::span<const double> sorted, double share);

/// Share of trials, the data themselves counted as one, that differ at least as much as the data.
/// Every pair must have both values.
double randomization_p_value(std::string_view metric, std::span<const SampleValue> baseline,
                             std::span<const SampleValue> candidate, std::size_t trials,
                             const DrawSwaps& draw);

/// Percentile bootstrap interval of corpus_value (Efron 1979; Koehn 2004 for BLEU). Nothing with
/// fewer than two samples that have a value.
std::optional<Interval> bootstrap_interval(std::string_view metric,
                                           std::span<const SampleValue> samples,
                                           const ResamplingOptions& options = {});

struct PairedTest {
  double difference = 0;  ///< corpus value of `candidate` minus that of `baseline`
  Interval interval;      ///< bootstrap interval of the difference
  double p_value = 1;     ///< two-sided, paired approximate randomization (Riezler & Maxwell 2005)
  std::size_t n = 0;      ///< pairs compared
};

/// `baseline[i]` and `candidate[i]` are of the same example. Pairs where either value is undefined
/// are left out. Nothing with fewer than two pairs. Both must have the same length.
std::optional<PairedTest> paired_test(std::string_view metric,
                                      std::span<const SampleValue> baseline,
                                      std::span<const SampleValue> candidate,
                                      const ResamplingOptions& options = {});

}  // namespace trellis::metrics
