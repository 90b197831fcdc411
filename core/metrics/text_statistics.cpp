#include "core/metrics/text_statistics.hpp"

#include <algorithm>
#include <cmath>

#include "core/metrics/ngrams.hpp"

namespace trellis::metrics {
namespace {

NgramCounts pooled_counts(TokenSequences sequences, std::size_t n) {
  TokenNumbers numbers;
  NgramCounts pooled;
  for (const auto& tokens : sequences) {
    for (const auto& [ngram, count] : count_ngrams(numbers.of(tokens), n)) pooled[ngram] += count;
  }
  return pooled;
}

NgramCounts counts_of(std::span<const std::string> tokens, std::size_t n) {
  TokenNumbers numbers;
  return count_ngrams(numbers.of(tokens), n);
}

double total_of(const NgramCounts& counts) {
  std::size_t total = 0;
  for (const auto& [ngram, count] : counts) total += count;
  return static_cast<double>(total);
}

double distinct(const NgramCounts& counts) {
  return counts.empty() ? 0 : static_cast<double>(counts.size()) / total_of(counts);
}

/// Largest first: the order of a hash table must not decide how sums round.
std::vector<double> frequencies_of(const NgramCounts& counts) {
  std::vector<double> frequencies;
  frequencies.reserve(counts.size());
  for (const auto& [ngram, count] : counts) frequencies.push_back(static_cast<double>(count));
  std::sort(frequencies.rbegin(), frequencies.rend());
  return frequencies;
}

double entropy_of(const NgramCounts& counts) {
  const double total = total_of(counts);
  double entropy = 0;
  for (const double frequency : frequencies_of(counts)) {
    entropy -= frequency / total * std::log(frequency / total);
  }
  return entropy;
}

}  // namespace

double distinct_ngrams(std::span<const std::string> tokens, std::size_t n) {
  return distinct(counts_of(tokens, n));
}

double distinct_ngrams(TokenSequences sequences, std::size_t n) {
  return distinct(pooled_counts(sequences, n));
}

double repeated_ngrams(std::span<const std::string> tokens, std::size_t n) {
  return ngram_total(tokens.size(), n) == 0 ? 0 : 1 - distinct_ngrams(tokens, n);
}

double repeated_tokens(std::span<const std::string> tokens, std::size_t window) {
  if (tokens.empty()) return 0;
  TokenNumbers numbers;
  std::vector<std::size_t> last;  // by number: one more than the token's last position
  std::size_t repeated = 0;
  const auto sequence = numbers.of(tokens);
  for (std::size_t i = 0; i < sequence.size(); ++i) {
    if (sequence[i] >= last.size()) last.resize(sequence[i] + 1, 0);
    auto& place = last[sequence[i]];
    if (place > 0 && i - (place - 1) <= window) ++repeated;
    place = i + 1;
  }
  return static_cast<double>(repeated) / static_cast<double>(tokens.size());
}

double ngram_entropy(std::span<const std::string> tokens, std::size_t n) {
  return entropy_of(counts_of(tokens, n));
}

double ngram_entropy(TokenSequences sequences, std::size_t n) {
  return entropy_of(pooled_counts(sequences, n));
}

std::optional<double> zipf_coefficient(TokenSequences sequences) {
  const auto frequencies = frequencies_of(pooled_counts(sequences, 1));
  if (frequencies.size() < 2) return std::nullopt;
  const auto count = static_cast<double>(frequencies.size());
  double mean_rank = 0;
  double mean_frequency = 0;
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    mean_rank += std::log(static_cast<double>(i + 1)) / count;
    mean_frequency += std::log(frequencies[i]) / count;
  }
  double covariance = 0;
  double variance = 0;
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const double rank = std::log(static_cast<double>(i + 1)) - mean_rank;
    covariance += rank * (std::log(frequencies[i]) - mean_frequency);
    variance += rank * rank;
  }
  return -covariance / variance;
}

}  // namespace trellis::metrics
