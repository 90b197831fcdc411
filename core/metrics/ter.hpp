/// Translation edit rate (Snover, Dorr, Schwartz, Micciulla, Makhoul 2006) as sacrebleu 2.6
/// computes it, digit by digit, without tokenization of its own: words are what white space
/// separates.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/metrics/metric.hpp"

namespace trellis::metrics {

/// Insertions, deletions, substitutions and shifts of words that make `output` the `reference`;
/// a greedy search for shifts, so not always the fewest. Numbers stand for words.
std::size_t translation_edits(std::u32string_view output, std::u32string_view reference);

/// [edits, reference length]: the fewest edits and the mean length over the references. They add up
/// over segments. There must be at least one reference.
std::vector<double> ter_statistics(std::string_view output, std::span<const std::string> references,
                                   bool case_sensitive);

/// From summed statistics: edits a hundred words of reference. May exceed 100.
double ter_of_sums(std::span<const double> sums);

/// One sample of the metric "ter". Undefined without a reference.
SampleValue ter(std::string_view output, std::span<const std::string> references,
                bool case_sensitive = false);

}  // namespace trellis::metrics
