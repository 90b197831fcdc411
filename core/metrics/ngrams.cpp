#include "core/metrics/ngrams.hpp"

#include <algorithm>

namespace trellis::metrics {

NgramCounts count_ngrams(std::u32string_view sequence, std::size_t n) {
  NgramCounts counts;
  const std::size_t total = ngram_total(sequence.size(), n);
  counts.reserve(total);
  for (std::size_t i = 0; i < total; ++i) ++counts[std::u32string(sequence.substr(i, n))];
  return counts;
}

std::size_t common_ngrams(const NgramCounts& a, const NgramCounts& b) {
  std::size_t common = 0;
  for (const auto& [ngram, count] : a) {
    const auto found = b.find(ngram);
    if (found != b.end()) common += std::min(count, found->second);
  }
  return common;
}

std::u32string TokenNumbers::of(std::span<const std::string_view> tokens) {
  std::u32string numbers;
  numbers.reserve(tokens.size());
  for (const auto token : tokens) {
    const auto next = static_cast<char32_t>(numbers_.size());
    numbers.push_back(numbers_.try_emplace(token, next).first->second);
  }
  return numbers;
}

std::u32string TokenNumbers::of(std::span<const std::string> tokens) {
  const std::vector<std::string_view> views(tokens.begin(), tokens.end());
  return of(views);
}

}  // namespace trellis::metrics
