/// What a metric is: numbers per sample, and the value of a set of samples made from them.
///
/// A metric either averages its per-sample values or adds up per-sample statistics and computes
/// the value from the sums (BLEU, perplexity). Either way, the value of any subset or resample of
/// the samples follows from what is stored, without text, task or model: that is what confidence
/// intervals and paired tests are made of.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace trellis::metrics {

/// One metric of one sample.
struct SampleValue {
  std::optional<double> value;     ///< the sample alone; nothing where undefined
  std::vector<double> statistics;  ///< add up over samples; empty: the value itself is averaged
};

/// What a metric of texts may look at.
struct ScoredText {
  std::string_view source;
  std::string_view output;
  std::span<const std::string> references;
  std::span<const std::string> tokens;  ///< texts of the output's tokens, without an end symbol
};

struct MetricDefinition {
  std::string_view name;  ///< as in tasks' descriptions and in the database
  std::string_view summary;
  std::optional<bool> higher_is_better;  ///< nothing: neither is better (length)
  /// From summed statistics to the value; null: the mean of the values.
  double (*from_statistics)(std::span<const double> sums) = nullptr;
  /// How many numbers from_statistics takes; 0: any, as many of all samples.
  std::size_t statistics_count = 0;
  /// Counts a model's tokens, so models of other vocabularies do not compare.
  bool counts_tokens = false;
  /// From stored texts, in its usual form (BLEU with tokenizer 13a, ROUGE with stems); null where
  /// they do not suffice.
  SampleValue (*of_text)(const ScoredText&) = nullptr;
  /// Of all outputs of a trial together, from their tokens: no sample has a value of its own. Null
  /// for all other metrics.
  std::optional<double> (*of_outputs)(std::span<const std::vector<std::string>>) = nullptr;
  /// Says more of a model than of which arm is better: tables leave it out unless it is asked for.
  bool diagnostic = false;
  /// Throws Error(missing), with what to install, where of_text would; null: it needs nothing.
  void (*require)() = nullptr;
};

/// The metrics that Trellis knows, or null for a name of a third party's task (then: mean). Those
/// of groups of words (word_groups.hpp), encoders (bert_score.hpp, mauve.hpp) and experts
/// (expert_use.hpp) are found by any name of theirs, and are not among all of them.
const MetricDefinition* find_metric(std::string_view name);
std::span<const MetricDefinition> all_metrics();

/// Value of a set of samples. Samples without a value are left out. Nothing when no sample has one,
/// or when the statistics give no finite number. The mean of the values is taken where a sample has
/// no statistics, or not as many as the metric of this name: then it is a third party's own.
std::optional<double> corpus_value(std::string_view metric, std::span<const SampleValue> samples);

}  // namespace trellis::metrics
