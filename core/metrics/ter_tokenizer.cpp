#include "core/metrics/ter_tokenizer.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "core/metrics/mteval.hpp"
#include "core/metrics/rewriting.hpp"
#include "core/text/unicode.hpp"

namespace trellis::metrics {
namespace {

using Range = std::pair<char32_t, char32_t>;

constexpr Range kAsianPunctuation[] = {{0x3001, 0x3002}, {0x3008, 0x3011}, {0x3014, 0x301F},
                                       {0x30FB, 0x30FB}, {0xFF61, 0xFF65}, {0xFF01, 0xFF02},
                                       {0xFF08, 0xFF09}, {0xFF0C, 0xFF0C}, {0xFF0E, 0xFF0E},
                                       {0xFF1A, 0xFF1B}, {0xFF1F, 0xFF1F}};

/// Ideographs, strokes, radicals, compatibility forms. The range of enclosed letters is written
/// U+3200..U+3F22 there, most likely for U+32FF; equal figures need the same range.
constexpr Range kAsianWords[] = {{0x2E80, 0x2EFF}, {0x31C0, 0x31EF}, {0x3200, 0x4DBF},
                                 {0x4E00, 0x9FFF}, {0xF900, 0xFAFF}, {0xFE30, 0xFE4F}};

bool is_in(std::span<const Range> ranges, char32_t c) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [c](const Range& range) { return c >= range.first && c <= range.second; });
}

std::string normalized(std::string text) {
  replace_all(text, "\n-", "");
  replace_all(text, "\n", " ");
  unescape_entities(text);
  text = isolate_punctuation(" " + text + " ");
  replace_all(text, "'s ", " 's ");
  cut_numbers(text);
  return text;
}

std::string asian_words(std::string_view text) {
  std::string words;
  for (const auto c : text::to_code_points(text)) {
    const bool alone = is_in(kAsianWords, c) || is_in(kAsianPunctuation, c);
    if (alone) words.push_back(' ');
    text::append_utf8(c, words);
    if (alone) words.push_back(' ');
  }
  return words;
}

std::string without_punctuation(std::string_view text, bool asian) {
  constexpr std::string_view kWestern = ".,?:;!\"()";
  std::string rest;
  for (const auto c : text::to_code_points(text)) {
    if (c < 0x80 && kWestern.find(static_cast<char>(c)) != std::string_view::npos) continue;
    if (asian && is_in(kAsianPunctuation, c)) continue;
    text::append_utf8(c, rest);
  }
  return rest;
}

}  // namespace

std::string ter_words(std::string_view segment, const TerOptions& options) {
  const auto line = text::strip_right(segment);
  auto words = options.case_sensitive ? std::string(line) : text::to_lower(line);
  if (options.normalized) {
    words = normalized(std::move(words));
    if (options.asian_support) words = asian_words(words);
  }
  if (options.no_punctuation) words = without_punctuation(words, options.asian_support);
  return words;
}

}  // namespace trellis::metrics
