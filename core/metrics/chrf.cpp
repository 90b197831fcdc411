#include "core/metrics/chrf.hpp"

#include <fmt/format.h>

#include "core/metrics/ngrams.hpp"
#include "core/text/unicode.hpp"

namespace trellis::metrics {
namespace {

/// Words; of each at most one punctuation mark is cut off, the last character
/// if it is one, else the first.
std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (const auto word : text::split_white_space(text)) {
    if (word.size() > 1 && text::is_ascii_punctuation(word.back())) {
      words.push_back(word.substr(0, word.size() - 1));
      words.push_back(word.substr(word.size() - 1));
    } else if (word.size() > 1 && text::is_ascii_punctuation(word.front())) {
      words.push_back(word.substr(0, 1));
      words.push_back(word.substr(1));
    } else {
      words.push_back(word);
    }
  }
  return words;
}

std::u32string characters_of(std::string_view text, bool whitespace) {
  std::u32string characters;
  for (const auto c : text::to_code_points(text)) {
    if (whitespace || !text::is_space(c)) characters.push_back(c);
  }
  return characters;
}

/// One text, as what its n-grams are made of.
struct Units {
  std::u32string characters;
  std::u32string words;
};

Units units_of(std::string_view text, const ChrfOptions& options, TokenNumbers& numbers) {
  Units units{characters_of(text, options.whitespace), {}};
  if (options.word_order > 0) units.words = numbers.of(words_of(text));
  return units;
}

void append(std::u32string_view output, const std::u32string& reference, std::size_t orders,
            std::vector<double>& statistics) {
  const auto matches = clipped_matches(output, {&reference, 1}, orders);
  for (std::size_t n = 1; n <= orders; ++n) {
    const auto in_reference = ngram_total(reference.size(), n);
    // The output's n-grams of an order that the reference is too short for do
    // not count.
    const auto in_output = in_reference == 0 ? 0 : ngram_total(output.size(), n);
    statistics.push_back(static_cast<double>(in_output));
    statistics.push_back(static_cast<double>(in_reference));
    statistics.push_back(static_cast<double>(matches[n - 1]));
  }
}

}  // namespace

std::vector<double> chrf_statistics(std::string_view output,
                                    std::span<const std::string> references,
                                    const ChrfOptions& options) {
  // Lower-cased copies of all texts live as long as the numbers of their words.
  std::vector<std::string> texts{std::string(output)};
  texts.insert(texts.end(), references.begin(), references.end());
  if (options.lowercase) {
    for (auto& text : texts) text = text::to_lower(text);
  }
  TokenNumbers numbers;
  const auto output_units = units_of(texts.front(), options, numbers);
  std::vector<double> best;
  double best_score = -1;
  for (std::size_t i = 1; i < texts.size(); ++i) {
    const auto reference_units = units_of(texts[i], options, numbers);
    std::vector<double> statistics;
    append(output_units.characters, reference_units.characters, options.character_order,
           statistics);
    append(output_units.words, reference_units.words, options.word_order, statistics);
    const double score = chrf_score(statistics, options);
    if (score <= best_score) continue;
    best_score = score;
    best = std::move(statistics);
  }
  return best;
}

double chrf_score(std::span<const double> statistics, const ChrfOptions& options) {
  constexpr double epsilon = 1e-16;  // sacrebleu's, from chrF++.py
  const double factor = options.beta * options.beta;
  const std::size_t orders = options.character_order + options.word_order;
  double f_sum = 0;
  double precision_sum = 0;
  double recall_sum = 0;
  double effective_orders = 0;
  for (std::size_t i = 0; i < orders; ++i) {
    const double in_output = statistics[3 * i];
    const double in_reference = statistics[3 * i + 1];
    const double matches = statistics[3 * i + 2];
    const double precision = in_output > 0 ? matches / in_output : epsilon;
    const double recall = in_reference > 0 ? matches / in_reference : epsilon;
    const double denominator = factor * precision + recall;
    f_sum += denominator > 0 ? (1 + factor) * precision * recall / denominator : epsilon;
    if (in_output > 0 && in_reference > 0) {
      precision_sum += precision;
      recall_sum += recall;
      ++effective_orders;
    }
  }
  if (options.epsilon_smoothing) return 100 * f_sum / static_cast<double>(orders);
  if (effective_orders == 0 || precision_sum + recall_sum == 0) return 0;
  const double precision = precision_sum / effective_orders;
  const double recall = recall_sum / effective_orders;
  // In sacrebleu's order of operations: rounding decides between references
  // that are equally good.
  const double f = (1 + factor) * precision * recall / (factor * precision + recall);
  return 100 * f;
}

SampleValue chrf(std::string_view output, std::span<const std::string> references,
                 const ChrfOptions& options) {
  if (references.empty()) return {};
  SampleValue sample;
  sample.statistics = chrf_statistics(output, references, options);
  sample.value = chrf_score(sample.statistics, options);
  return sample;
}

std::string chrf_signature(const ChrfOptions& options, std::optional<std::size_t> references) {
  return fmt::format("nrefs:{}|case:{}|eff:{}|nc:{}|nw:{}|space:{}",
                     references ? std::to_string(*references) : "var",
                     options.lowercase ? "lc" : "mixed", options.epsilon_smoothing ? "no" : "yes",
                     options.character_order, options.word_order,
                     options.whitespace ? "yes" : "no");
}

}  // namespace trellis::metrics
