/// GLEU for corrected text (Napoles, Sakaguchi, Post, Tetreault 2015, in the form of 2016 without
/// its tuned weight): BLEU's precision, from which n-grams are taken off that the output kept from
/// the source although no correction has them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/metrics/metric.hpp"

namespace trellis::metrics {

/// [output length, reference length, (matches - faults, n-grams) of order 1 to 4], means over the
/// references: they add up over samples. Words are what white space separates.
std::vector<double> gleu_statistics(std::string_view source, std::string_view output,
                                    std::span<const std::string> references);

/// From summed statistics, 0 to 100. The published scorer draws a reference for each sentence, 500
/// times, and averages; this is what those draws come to over many sentences.
double gleu_of_sums(std::span<const double> sums);

/// One sample of the metric "gleu". The value is the mean of the sentence's GLEU over the
/// references, orders without a match counting one. Undefined without a reference.
SampleValue gleu(std::string_view source, std::string_view output,
                 std::span<const std::string> references);

}  // namespace trellis::metrics
