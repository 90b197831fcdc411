#include "core/metrics/sari.hpp"

#include <algorithm>
#include <deque>

#include "core/metrics/bleu_tokenizer.hpp"
#include "core/metrics/ngrams.hpp"
#include "core/text/unicode.hpp"

namespace trellis::metrics {
namespace {

constexpr std::size_t kOrders = 4;
constexpr std::size_t kOperations = 3;

/// Right, of the output, of the references.
struct Counts {
  double right = 0;
  double output = 0;
  double references = 0;

  void append_to(std::vector<double>& statistics) const {
    statistics.insert(statistics.end(), {right, output, references});
  }
};

std::size_t count_in(const NgramCounts& counts, const std::u32string& ngram) {
  const auto found = counts.find(ngram);
  return found == counts.end() ? 0 : found->second;
}

Counts additions(const NgramCounts& source, const NgramCounts& output,
                 const NgramCounts& references) {
  Counts counts;
  for (const auto& [ngram, count] : output) {
    if (source.contains(ngram)) continue;
    ++counts.output;
    if (references.contains(ngram)) ++counts.right;
  }
  for (const auto& [ngram, count] : references) {
    if (!source.contains(ngram)) ++counts.references;
  }
  return counts;
}

/// What is kept and what is deleted, with the source's and the output's counts taken once a
/// reference.
std::pair<Counts, Counts> kept_and_deleted(const NgramCounts& source, const NgramCounts& output,
                                           const NgramCounts& references, std::size_t copies) {
  Counts kept;
  Counts deleted;
  const auto add = [](Counts& counts, std::size_t by_output, std::size_t by_references) {
    counts.output += static_cast<double>(by_output);
    counts.references += static_cast<double>(by_references);
    counts.right += static_cast<double>(std::min(by_output, by_references));
  };
  for (const auto& [ngram, count] : source) {
    const std::size_t in_source = count * copies;
    const std::size_t in_output = std::min(in_source, count_in(output, ngram) * copies);
    const std::size_t in_references = std::min(in_source, count_in(references, ngram));
    add(kept, in_output, in_references);
    add(deleted, in_source - in_output, in_source - in_references);
  }
  return {kept, deleted};
}

double f_measure(double precision, double recall) {
  return precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0;
}

}  // namespace

std::vector<double> sari_statistics(std::string_view source, std::string_view output,
                                    std::span<const std::string> references) {
  std::deque<std::vector<std::string>> texts;  // the numbers keep views of them
  TokenNumbers numbers;
  const auto numbered = [&](std::string_view text) {
    texts.push_back(bleu_tokens(text::to_lower(text), BleuTokenizer::mteval_13a));
    return numbers.of(texts.back());
  };
  const auto source_words = numbered(source);
  const auto output_words = numbered(output);
  std::vector<std::u32string> reference_words;
  for (const auto& reference : references) reference_words.push_back(numbered(reference));

  std::vector<double> statistics;
  for (std::size_t n = 1; n <= kOrders; ++n) {
    const auto in_source = count_ngrams(source_words, n);
    const auto in_output = count_ngrams(output_words, n);
    NgramCounts in_references;
    for (const auto& words : reference_words) {
      for (const auto& [ngram, count] : count_ngrams(words, n)) in_references[ngram] += count;
    }
    additions(in_source, in_output, in_references).append_to(statistics);
    const auto [kept, deleted] =
        kept_and_deleted(in_source, in_output, in_references, references.size());
    kept.append_to(statistics);
    deleted.append_to(statistics);
  }
  return statistics;
}

double sari_of_sums(std::span<const double> sums) {
  double score = 0;
  for (std::size_t operation = 0; operation < kOperations; ++operation) {
    double precision = 0;
    double recall = 0;
    for (std::size_t n = 0; n < kOrders; ++n) {
      const auto counts = sums.subspan(3 * (n * kOperations + operation), 3);
      if (counts[1] > 0) precision += counts[0] / counts[1] / kOrders;
      if (counts[2] > 0) recall += counts[0] / counts[2] / kOrders;
    }
    score += f_measure(precision, recall) / kOperations;
  }
  return 100 * score;
}

SampleValue sari(std::string_view source, std::string_view output,
                 std::span<const std::string> references) {
  if (references.empty()) return {};
  SampleValue sample;
  sample.statistics = sari_statistics(source, output, references);
  sample.value = sari_of_sums(sample.statistics);
  return sample;
}

}  // namespace trellis::metrics
