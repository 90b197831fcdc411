#include "core/metrics/text_statistics.hpp"

#include "core/metrics/ngrams.hpp"

namespace trellis::metrics {

double distinct_ngrams(std::span<const std::string> tokens, std::size_t n) {
  const std::size_t total = ngram_total(tokens.size(), n);
  if (total == 0) return 0;
  TokenNumbers numbers;
  const std::size_t different = count_ngrams(numbers.of(tokens), n).size();
  return static_cast<double>(different) / static_cast<double>(total);
}

double repeated_ngrams(std::span<const std::string> tokens, std::size_t n) {
  return ngram_total(tokens.size(), n) == 0 ? 0 : 1 - distinct_ngrams(tokens, n);
}

}  // namespace trellis::metrics
