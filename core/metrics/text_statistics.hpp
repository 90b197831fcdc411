/// What texts are like without a reference: how varied and how repetitive.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace trellis::metrics {

using TokenSequences = std::span<const std::vector<std::string>>;

/// Different n-grams of tokens / all of them, within one sequence; 0 if there is none. "distinct_1"
/// and "distinct_2" are the mean over sequences.
double distinct_ngrams(std::span<const std::string> tokens, std::size_t n);

/// The same over all sequences together, as the paper has it (Li, Galley, Brockett, Gao, Dolan
/// 2016): it falls as the number of sequences grows. "distinct_1_pooled", "distinct_2_pooled".
double distinct_ngrams(TokenSequences sequences, std::size_t n);

/// seq-rep-n: share of the n-grams that were there before, 1 - different / all; 0 if there is none
/// (Welleck, Kulikov, Roller, Dinan, Cho, Weston 2020). "repetition" is that of 4-grams.
double repeated_ngrams(std::span<const std::string> tokens, std::size_t n = 4);

/// rep-l: share of the positions whose token is among the `window` tokens before it; 0 for no
/// tokens (Welleck et al. 2020). "repetition_16" and "repetition_128".
double repeated_tokens(std::span<const std::string> tokens, std::size_t window);

/// Entropy of the distribution of one sequence's n-grams, in nats; 0 if there is none.
double ngram_entropy(std::span<const std::string> tokens, std::size_t n);

/// The same over all sequences together.
double ngram_entropy(TokenSequences sequences, std::size_t n);

/// Zipf's exponent: minus the slope of log frequency on log rank, fitted by least squares to all
/// different tokens (Zipf 1949; Holtzman et al. 2020 for generated text). Human text is near 1.
/// Nothing with fewer than two different tokens. "zipf".
std::optional<double> zipf_coefficient(TokenSequences sequences);

}  // namespace trellis::metrics
