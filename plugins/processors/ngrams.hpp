/// Forbidding repetitions of n-grams.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "trellis/sdk/strategy.hpp"

namespace trellis::processors {

/// Forbids every token that would complete, after `history`, an n-gram of `source`. n >= 1.
inline void forbid_ngrams(std::span<const std::int32_t> source,
                          std::span<const std::int32_t> history, std::size_t n,
                          std::span<float> logits) {
  if (history.size() + 1 < n || source.size() < n) return;
  const auto last = history.last(n - 1);
  for (std::size_t begin = 0; begin + n <= source.size(); ++begin) {
    if (!std::equal(last.begin(), last.end(),
                    source.begin() + static_cast<std::ptrdiff_t>(begin))) {
      continue;
    }
    const auto token = static_cast<std::size_t>(source[begin + n - 1]);
    if (token < logits.size()) logits[token] = sdk::kForbidden;
  }
}

}  // namespace trellis::processors
