/// Whether an answer is right: exact match and word overlap (Rajpurkar, Zhang, Lopyrev, Liang
/// 2016).
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace trellis::metrics {

enum class AnswerForm {
  raw,         ///< texts as they are
  normalized,  ///< SQuAD's: lower case, no ASCII punctuation, no English articles, single spaces
  /// MLQA's for Chinese (Lewis, Oguz, Rinott, Riedel, Schwenk 2020): lower case, no punctuation of
  /// any script, and every ideograph is a word, so that word overlap counts characters.
  chinese
};

std::string normalize_answer(std::string_view text);
std::string normalize_chinese_answer(std::string_view text);

/// 1 when the output equals a reference, else 0.
double exact_match(std::string_view output, std::span<const std::string> references,
                   AnswerForm form);

/// F-measure of the words that output and reference have in common, the best over the references.
/// Where one side has no words: 1 if the other has none either, else 0.
double token_f1(std::string_view output, std::span<const std::string> references, AnswerForm form);

}  // namespace trellis::metrics
