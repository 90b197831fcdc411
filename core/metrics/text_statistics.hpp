/// What a text is like without a reference: how varied and how repetitive.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace trellis::metrics {

/// Different n-grams of tokens / all of them, within one sequence; 0 if there is none (Li, Galley,
/// Brockett, Gao, Dolan 2016). "distinct_1" and "distinct_2".
double distinct_ngrams(std::span<const std::string> tokens, std::size_t n);

/// seq-rep-n: share of the n-grams that were there before, 1 - different / all; 0 if there is none
/// (Welleck, Kulikov, Roller, Dinan, Cho, Weston 2020). "repetition" is that of 4-grams.
double repeated_ngrams(std::span<const std::string> tokens, std::size_t n = 4);

}  // namespace trellis::metrics
