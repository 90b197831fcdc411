/// Confidence intervals and paired tests over samples.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

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

/// Percentile bootstrap interval of corpus_value (Efron 1979; Koehn 2004 for BLEU). Nothing with
/// fewer than two samples.
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
/// are left out. Nothing with fewer than two pairs.
std::optional<PairedTest> paired_test(std::string_view metric,
                                      std::span<const SampleValue> baseline,
                                      std::span<const SampleValue> candidate,
                                      const ResamplingOptions& options = {});

}  // namespace trellis::metrics
