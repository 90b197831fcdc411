/// METEOR with synonyms, for English.
///
/// Banerjee, Lavie, "METEOR: An Automatic Metric for MT Evaluation with Improved Correlation with
/// Human Judgments" (2005). The words of output and reference are aligned one to one in three
/// stages, each among the words that are left: equal words, equal Porter stems, words with a
/// WordNet synset in common. Each stage takes the most pairs that it can, of those the fewest that
/// cross (found by a beam of 40, so of long texts with many repeated words perhaps not the very
/// fewest). With m pairs in c chunks, runs that stand together in the same order in both,
///
///     P = m / words of the output       R = m / words of the reference
///     F = 10 P R / (R + 9 P)            METEOR = F (1 - 0.5 (c / m)^3)
///
/// Of several references the best counts. A corpus's value is that of the sums of its segments'
/// counts. Words are lower-cased tokens of BLEU's 13a. METEOR 1.5 (2014), with paraphrases and
/// weights trained on judgements, gives other numbers: its tables are not in Debian.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/metrics/metric.hpp"

namespace trellis::metrics {

/// Whether two words that are neither equal nor of one stem mean the same.
using Synonymous = std::function<bool(const std::string&, const std::string&)>;

/// [pairs, words of the output, words of the reference, chunks]
inline constexpr std::size_t kMeteorStatistics = 4;

/// The best reference's statistics, and the value of these. Undefined without references.
SampleValue meteor(std::span<const std::string> output,
                   std::span<const std::vector<std::string>> references,
                   const Synonymous& synonymous);
/// Of texts, with the synonyms of installed_wordnet(). Throws what that throws.
SampleValue meteor(std::string_view output, std::span<const std::string> references);
/// 0 to 1.
double meteor_of_sums(std::span<const double> sums);

}  // namespace trellis::metrics
