/// chrF (Popović 2015) and chrF++ (Popović 2017) with sacrebleu's definitions: the figures are
/// sacrebleu 2.6's, digit by digit.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/metrics/metric.hpp"

namespace trellis::metrics {

struct ChrfOptions {
  std::size_t character_order = 6;
  std::size_t word_order = 0;  ///< 2 makes it chrF++
  double beta = 2;             ///< how many times more recall weighs than precision
  bool lowercase = false;
  bool whitespace = false;         ///< white space counts as characters
  bool epsilon_smoothing = false;  ///< average F over all orders instead of effective order
};

/// [n-grams of the output, n-grams of the reference, matches] for each order, characters first, of
/// the reference with the best F: they add up over segments. There must be at least one reference.
std::vector<double> chrf_statistics(std::string_view output,
                                    std::span<const std::string> references,
                                    const ChrfOptions& options);

/// From summed statistics, 0 to 100.
double chrf_score(std::span<const double> statistics, const ChrfOptions& options);

/// One sample of the metrics "chrf" (word_order 0) and "chrf++" (word_order 2). Undefined without a
/// reference. Their corpus value is computed with the default orders and beta.
SampleValue chrf(std::string_view output, std::span<const std::string> references,
                 const ChrfOptions& options = {});

/// In sacrebleu's form without the version: "nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no".
std::string chrf_signature(const ChrfOptions& options, std::optional<std::size_t> references);

}  // namespace trellis::metrics
