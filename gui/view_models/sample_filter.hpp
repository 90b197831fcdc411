/// The filter language of the sample browser.
///
///     cat                      the word in source, references or any output (case folded)
///     "two words"              the same for a phrase
///     /colou?r/                the same for a regular expression (PCRE2)
///     source:cat  output:/x/   only in this field; fields: source, prefix, reference, output,
///                              output1 … output4 (one trial), finish, id
///     bleu<10  bleu1>=20       a metric of any trial, or of the first; also =, !=, <=, >
///     difference>0             of the chosen metric: second trial minus the first
///     length>20  example=7     tokens of any output, number of the example, sample=0
///     same  different          whether all outputs are equal
///     AND OR NOT ( )           words side by side are joined by AND; NOT binds tightest
#pragma once

#include <functional>
#include <string_view>

#include "gui/snapshot.hpp"

namespace trellis::gui {

/// Whether a row passes. Throws Error(usage), with the place, for what cannot be read; the samples
/// must outlive it. `metric`: what "difference" is about. An empty filter lets all pass.
std::function<bool(const PairedRow&)> compile_filter(std::string_view filter,
                                                     const PairedSamples& samples,
                                                     const std::string& metric);

/// Value of a metric of a row under one of its trials; not-a-number where there is none.
double metric_of(const PairedSamples& samples, const PairedRow& row, std::size_t trial,
                 const std::string& metric);
/// Second trial minus the first; not-a-number where either has none.
double difference_of(const PairedSamples& samples, const PairedRow& row, const std::string& metric);

/// Filters and sorts; a mistake in the filter becomes the order's problem.
SampleOrder order_of(std::shared_ptr<const PairedSamples> samples, const Wish& wish);

}  // namespace trellis::gui
