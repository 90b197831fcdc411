/// ROUGE (Lin 2004) with the definitions of Google's rouge-score 0.1.2, digit by digit.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace trellis::metrics {

/// All from 0 to 1.
struct RougeScore {
  double precision = 0;
  double recall = 0;
  double f_measure = 0;
};

struct RougeScores {
  RougeScore rouge_1;
  RougeScore rouge_2;
  RougeScore rouge_l;
  RougeScore rouge_lsum;
};

/// Lower-cased runs of ASCII letters and digits; everything else only separates them, so Chinese
/// has no tokens. With `stem`, tokens of more than three letters are stemmed.
std::vector<std::string> rouge_tokens(std::string_view text, bool stem);

/// Overlap of n-grams.
RougeScore rouge_n(std::span<const std::string> target, std::span<const std::string> prediction,
                   std::size_t n);

/// Longest common subsequence of the whole texts, line ends ignored.
RougeScore rouge_l(std::span<const std::string> target, std::span<const std::string> prediction);

/// Union of the longest common subsequences line by line: one sentence a line.
RougeScore rouge_lsum(std::string_view target, std::string_view prediction, bool stem);

/// The sample's values of the metrics "rouge1", "rouge2", "rougeL", "rougeLsum" are the F-measures.
/// Of several references each kind takes the one with the best F-measure. There must be at least
/// one.
RougeScores rouge(std::string_view prediction, std::span<const std::string> references, bool stem);

}  // namespace trellis::metrics
