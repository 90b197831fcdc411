#include "core/metrics/answers.hpp"

#include <unicode/uchar.h>

#include <algorithm>

#include "core/metrics/ngrams.hpp"
#include "core/text/pattern.hpp"
#include "core/text/unicode.hpp"

namespace trellis::metrics {
namespace {

std::string in_form(std::string_view text, AnswerForm form) {
  switch (form) {
    case AnswerForm::normalized:
      return normalize_answer(text);
    case AnswerForm::chinese:
      return normalize_chinese_answer(text);
    case AnswerForm::raw:
      break;
  }
  return std::string(text);
}

std::string single_spaced(std::string_view text) {
  std::string spaced;
  for (const auto word : text::split_white_space(text)) {
    if (!spaced.empty()) spaced.push_back(' ');
    spaced.append(word);
  }
  return spaced;
}

double f1(std::string_view output, std::string_view reference) {
  const auto output_words = text::split_white_space(output);
  const auto reference_words = text::split_white_space(reference);
  if (output_words.empty() || reference_words.empty()) {
    return output_words.empty() && reference_words.empty() ? 1 : 0;
  }
  TokenNumbers numbers;
  const auto common = static_cast<double>(common_ngrams(
      count_ngrams(numbers.of(output_words), 1), count_ngrams(numbers.of(reference_words), 1)));
  if (common == 0) return 0;
  const double precision = common / static_cast<double>(output_words.size());
  const double recall = common / static_cast<double>(reference_words.size());
  return 2 * precision * recall / (precision + recall);
}

}  // namespace

std::string normalize_answer(std::string_view text) {
  static const text::Pattern articles(R"(\b(?:a|an|the)\b)");
  std::string lower = text::to_lower(text);
  lower.erase(std::remove_if(lower.begin(), lower.end(), text::is_ascii_punctuation), lower.end());
  std::string without;
  std::size_t from = 0;
  articles.for_each_match(lower, [&](std::string_view match) {
    const auto at = static_cast<std::size_t>(match.data() - lower.data());
    without.append(lower, from, at - from);
    without.push_back(' ');
    from = at + match.size();
  });
  without.append(lower, from);
  return single_spaced(without);
}

std::string normalize_chinese_answer(std::string_view text) {
  std::string words;
  for (const auto c : text::to_code_points(text::to_lower(text))) {
    const auto code_point = static_cast<UChar32>(c);
    const bool ascii = c < 0x80 && text::is_ascii_punctuation(static_cast<char>(c));
    if (ascii || u_ispunct(code_point)) continue;
    const bool alone = u_hasBinaryProperty(code_point, UCHAR_IDEOGRAPHIC);
    if (alone) words.push_back(' ');
    text::append_utf8(c, words);
    if (alone) words.push_back(' ');
  }
  return single_spaced(words);
}

double exact_match(std::string_view output, std::span<const std::string> references,
                   AnswerForm form) {
  const auto answer = in_form(output, form);
  return std::any_of(references.begin(), references.end(),
                     [&](const auto& reference) { return in_form(reference, form) == answer; });
}

double token_f1(std::string_view output, std::span<const std::string> references, AnswerForm form) {
  const auto answer = in_form(output, form);
  double best = 0;
  for (const auto& reference : references)
    best = std::max(best, f1(answer, in_form(reference, form)));
  return best;
}

}  // namespace trellis::metrics
