#include "core/metrics/self_bleu.hpp"

#include <algorithm>
#include <cmath>

#include "core/metrics/ngrams.hpp"

namespace trellis::metrics {
namespace {

/// The most that one sequence has of an n-gram, and the most that any other has: so the most among
/// the others of each sequence is known at once.
struct TwoLargest {
  std::size_t largest = 0;
  std::size_t owner = 0;
  std::size_t second = 0;

  void add(std::size_t count, std::size_t from) {
    if (count > largest) {
      second = largest;
      largest = count;
      owner = from;
    } else {
      second = std::max(second, count);
    }
  }
  std::size_t of_others(std::size_t sequence) const { return owner == sequence ? second : largest; }
};

/// matches[n - 1][i]: n-grams of sequence i that one of the others has as well, clipped.
std::vector<std::vector<std::size_t>> matches_of(const std::vector<std::u32string>& sequences,
                                                 std::size_t orders) {
  std::vector<std::vector<std::size_t>> matches;
  for (std::size_t n = 1; n <= orders; ++n) {
    std::vector<NgramCounts> counts;
    std::unordered_map<std::u32string, TwoLargest> most;
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      counts.push_back(count_ngrams(sequences[i], n));
      for (const auto& [ngram, count] : counts.back()) most[ngram].add(count, i);
    }
    auto& of_order = matches.emplace_back();
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      std::size_t common = 0;
      for (const auto& [ngram, count] : counts[i]) {
        common += std::min(count, most.at(ngram).of_others(i));
      }
      of_order.push_back(common);
    }
  }
  return matches;
}

/// `sorted` holds the lengths of all sequences, the one of `length` among them.
std::size_t closest_other(const std::vector<std::size_t>& sorted, std::size_t length) {
  const auto [first, last] = std::equal_range(sorted.begin(), sorted.end(), length);
  if (last - first > 1) return length;
  if (first == sorted.begin()) return *last;
  const std::size_t shorter = *(first - 1);
  if (last == sorted.end()) return shorter;
  return length - shorter <= *last - length ? shorter : *last;
}

}  // namespace

std::optional<std::vector<double>> self_bleu(std::span<const std::vector<std::string>> sequences,
                                             const SelfBleuOptions& options) {
  if (sequences.size() < 2) return std::nullopt;
  TokenNumbers numbers;
  std::vector<std::u32string> numbered;
  std::vector<std::size_t> lengths;
  for (const auto& tokens : sequences) {
    numbered.push_back(numbers.of(tokens));
    lengths.push_back(tokens.size());
  }
  std::sort(lengths.begin(), lengths.end());
  const auto matches = matches_of(numbered, options.max_order);

  std::vector<double> scores(sequences.size(), 0.0);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const std::size_t length = numbered[i].size();
    if (matches[0][i] == 0) continue;
    double logarithms = 0;
    std::size_t orders = 0;
    for (std::size_t n = 1; n <= options.max_order; ++n) {
      const std::size_t total = ngram_total(length, n);
      if (total == 0 && options.effective_order) break;
      const double match =
          matches[n - 1][i] > 0 ? static_cast<double>(matches[n - 1][i]) : options.matches_if_none;
      logarithms += std::log(match / static_cast<double>(std::max<std::size_t>(total, 1)));
      ++orders;
    }
    const std::size_t reference = closest_other(lengths, length);
    const double brevity =
        length > reference ? 0.0 : 1 - static_cast<double>(reference) / static_cast<double>(length);
    scores[i] = std::exp(brevity + logarithms / static_cast<double>(orders));
  }
  return scores;
}

}  // namespace trellis::metrics
