/// Translation edit rate (Snover, Dorr, Schwartz, Micciulla, Makhoul 2006) as sacrebleu 2.6
/// computes it, digit by digit.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/metrics/metric.hpp"
#include "core/metrics/ter_tokenizer.hpp"

namespace trellis::metrics {

/// Insertions, deletions, substitutions and shifts of words that make `output` the `reference`;
/// a greedy search for shifts, so not always the fewest. Numbers stand for words.
std::size_t translation_edits(std::u32string_view output, std::u32string_view reference);

/// [edits, reference length]: the fewest edits and the mean length over the references. They add up
/// over segments. There must be at least one reference.
std::vector<double> ter_statistics(std::string_view output, std::span<const std::string> references,
                                   const TerOptions& options);

/// From summed statistics: edits a hundred words of reference. May exceed 100.
double ter_of_sums(std::span<const double> sums);

/// One sample of the metric "ter". Undefined without a reference.
SampleValue ter(std::string_view output, std::span<const std::string> references,
                const TerOptions& options = {});

/// How the figure was computed, in sacrebleu's form without the version:
/// "nrefs:1|case:lc|tok:tercom|norm:no|punct:yes|asian:no". `references` is nothing where segments
/// have different numbers of them.
std::string ter_signature(const TerOptions& options, std::optional<std::size_t> references);

}  // namespace trellis::metrics
