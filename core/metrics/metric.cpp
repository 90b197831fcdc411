#include "core/metrics/metric.hpp"

#include <algorithm>
#include <array>

#include "core/metrics/bleu.hpp"
#include "core/metrics/chrf.hpp"
#include "core/metrics/ratios.hpp"
#include "core/metrics/summed_samples.hpp"
#include "core/metrics/ter.hpp"

namespace trellis::metrics {
namespace {

double corpus_bleu(std::span<const double> sums) {
  return bleu_score(sums, {}).score;
}

double corpus_chrf(std::span<const double> sums) {
  return chrf_score(sums, {});
}

double corpus_chrf_plus_plus(std::span<const double> sums) {
  return chrf_score(sums, {.word_order = 2});
}

constexpr std::size_t kBleu = 2 + 2 * 4;
constexpr std::size_t kChrf = 3UL * 6;
constexpr std::size_t kChrfPlusPlus = 3UL * (6 + 2);

constexpr std::array kMetrics{
    MetricDefinition{"bleu", "BLEU as sacrebleu computes it, 0 to 100", true, &corpus_bleu, kBleu},
    MetricDefinition{"bleu_lowercase",
                     "BLEU of lower-cased text as sacrebleu computes it, 0 to 100", true,
                     &corpus_bleu, kBleu},
    MetricDefinition{"bleu_tokenized", "BLEU of text that is already tokenized, 0 to 100", true,
                     &corpus_bleu, kBleu},
    MetricDefinition{"chrf", "chrF2 as sacrebleu computes it, 0 to 100", true, &corpus_chrf, kChrf},
    MetricDefinition{"chrf++", "chrF2++ as sacrebleu computes it, 0 to 100", true,
                     &corpus_chrf_plus_plus, kChrfPlusPlus},
    MetricDefinition{"ter", "edits and shifts a hundred words of reference", false, &ter_of_sums,
                     2},
    MetricDefinition{"rouge1", "F-measure of common words, 0 to 1", true},
    MetricDefinition{"rouge2", "F-measure of common word pairs, 0 to 1", true},
    MetricDefinition{"rougeL", "F-measure of the longest common subsequence, 0 to 1", true},
    MetricDefinition{"rougeLsum", "rougeL sentence by sentence, 0 to 1", true},
    MetricDefinition{"exact_match", "share of outputs equal to a reference", true},
    MetricDefinition{"f1", "F-measure of the words shared with the best reference, 0 to 1", true},
    MetricDefinition{"edit_similarity", "1 - edit distance / longer length, in characters", true},
    MetricDefinition{"distinct_1", "share of different tokens within an output", true, nullptr, 0,
                     true},
    MetricDefinition{"distinct_2", "share of different token pairs within an output", true, nullptr,
                     0, true},
    MetricDefinition{"repetition", "share of 4-grams of tokens said before in the output", false,
                     nullptr, 0, true},
    MetricDefinition{"length", "generated tokens an output", std::nullopt, nullptr, 0, true},
    MetricDefinition{"parses", "share of outputs that parse", true},
    MetricDefinition{"passes", "share of outputs that pass their unit tests", true},
    MetricDefinition{"perplexity", "perplexity of the reference, a token", false,
                     &perplexity_of_sums, 2, true},
    MetricDefinition{"bits_per_byte", "bits that the model needs for a byte of the reference",
                     false, &bits_per_byte_of_sums, 2},
    MetricDefinition{"tokens_per_second", "generated tokens a second", true,
                     &tokens_per_second_of_sums, 2, true},
};

}  // namespace

const MetricDefinition* find_metric(std::string_view name) {
  const auto found = std::find_if(kMetrics.begin(), kMetrics.end(),
                                  [&](const auto& metric) { return metric.name == name; });
  return found == kMetrics.end() ? nullptr : &*found;
}

std::span<const MetricDefinition> all_metrics() {
  return kMetrics;
}

std::optional<double> corpus_value(std::string_view metric, std::span<const SampleValue> samples) {
  const auto summation = summation_of(metric, samples);
  const auto rows = rows_of(summation, samples);
  if (rows.empty()) return std::nullopt;
  std::vector<double> sums(summation.width, 0.0);
  for (std::size_t i = 0; i < rows.size(); ++i) sums[i % summation.width] += rows[i];
  return value_of(summation, sums);
}

}  // namespace trellis::metrics
