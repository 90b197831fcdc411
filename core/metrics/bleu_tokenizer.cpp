#include "core/metrics/bleu_tokenizer.hpp"

#include <fmt/format.h>
#include <unicode/uchar.h>

#include <array>
#include <utility>

#include "core/error.hpp"
#include "core/metrics/mteval.hpp"
#include "core/metrics/rewriting.hpp"
#include "core/text/unicode.hpp"

namespace trellis::metrics {
namespace {

using Names = std::array<std::pair<std::string_view, BleuTokenizer>, 5>;
constexpr Names kNames{{{"13a", BleuTokenizer::mteval_13a},
                        {"intl", BleuTokenizer::international},
                        {"zh", BleuTokenizer::chinese},
                        {"char", BleuTokenizer::character},
                        {"none", BleuTokenizer::none}}};

std::string rewrite_13a(std::string_view line) {
  auto text = isolate_punctuation(line);
  cut_numbers(text);
  return text;
}

// Of each tokenizer, the text whose words are the tokens.
std::string text_13a(std::string_view segment) {
  std::string line(segment);
  replace_all(line, "<skipped>", "");
  replace_all(line, "-\n", "");
  replace_all(line, "\n", " ");
  unescape_entities(line);
  return rewrite_13a(" " + line + " ");
}

bool in_category(char32_t code_point, std::uint32_t mask) {
  return (U_GET_GC_MASK(static_cast<UChar32>(code_point)) & mask) != 0;
}

std::string text_international(std::string_view segment) {
  const auto numeric = [](char32_t c) { return in_category(c, U_GC_N_MASK); };
  const auto punctuation = [](char32_t c) { return in_category(c, U_GC_P_MASK); };
  const auto code_points = text::to_code_points(segment);
  std::u32string text(code_points.begin(), code_points.end());
  std::u32string out;
  const auto in_pairs = [&](auto matches, auto write) { rewrite_pairs(text, out, matches, write); };
  in_pairs([&](char32_t a, char32_t b) { return !numeric(a) && punctuation(b); },
           [&](char32_t a, char32_t b) {
             out.append({a, U' ', b, U' '});
           });
  in_pairs([&](char32_t a, char32_t b) { return punctuation(a) && !numeric(b); },
           [&](char32_t a, char32_t b) {
             out.append({U' ', a, U' ', b});
           });
  out.clear();
  for (const char32_t c : text) {
    if (in_category(c, U_GC_S_MASK)) {
      out.append({U' ', c, U' '});
    } else {
      out.push_back(c);
    }
  }
  return text::from_code_points(out);
}

/// sacrebleu's table. Two of its ranges are written with five hexadecimal digits behind \u, which
/// takes four: its comparison of strings then means U+2001..2A6D and U+2F81..2FA1, and ideographs
/// beyond U+FFFF stay together. Equal figures need the same ranges.
constexpr std::pair<char32_t, char32_t> kChinese[] = {
    {0x3400, 0x4DB5}, {0x4E00, 0x9FA5}, {0x9FA6, 0x9FBB}, {0xF900, 0xFA2D}, {0xFA30, 0xFA6A},
    {0xFA70, 0xFAD9}, {0x2001, 0x2A6D}, {0x2F81, 0x2FA1}, {0xFF00, 0xFFEF}, {0x2E80, 0x2EFF},
    {0x3000, 0x303F}, {0x31C0, 0x31EF}, {0x2F00, 0x2FDF}, {0x2FF0, 0x2FFF}, {0x3100, 0x312F},
    {0x31A0, 0x31BF}, {0xFE10, 0xFE1F}, {0xFE30, 0xFE4F}, {0x2600, 0x26FF}, {0x2700, 0x27BF},
    {0x3200, 0x32FF}, {0x3300, 0x33FF}};

bool is_chinese(char32_t code_point) {
  for (const auto& [first, last] : kChinese) {
    if (code_point >= first && code_point <= last) return true;
  }
  return false;
}

std::string text_chinese(std::string_view segment) {
  std::string line;
  for (const auto c : text::to_code_points(text::strip(segment))) {
    const bool alone = is_chinese(c);
    if (alone) line.push_back(' ');
    text::append_utf8(c, line);
    if (alone) line.push_back(' ');
  }
  return rewrite_13a(line);
}

std::string text_of_characters(std::string_view segment) {
  std::string text;
  for (const auto character : text::split_code_points(segment)) text.append(character).append(" ");
  return text;
}

std::string rewritten(std::string_view line, BleuTokenizer tokenizer) {
  switch (tokenizer) {
    case BleuTokenizer::mteval_13a:
      return text_13a(line);
    case BleuTokenizer::international:
      return text_international(line);
    case BleuTokenizer::chinese:
      return text_chinese(line);
    case BleuTokenizer::character:
      return text_of_characters(line);
    case BleuTokenizer::none:
      break;
  }
  return std::string(line);
}

}  // namespace

BleuTokenizer bleu_tokenizer(std::string_view name) {
  for (const auto& [known, tokenizer] : kNames) {
    if (known == name) return tokenizer;
  }
  throw Error(Fault::usage,
              fmt::format("no BLEU tokenizer '{}'; there are 13a, intl, zh, char, none", name));
}

std::string_view name_of(BleuTokenizer tokenizer) {
  return kNames.at(static_cast<std::size_t>(tokenizer)).first;
}

std::vector<std::string_view> bleu_tokens(std::string_view segment, BleuTokenizer tokenizer,
                                          std::string& text) {
  text = rewritten(text::strip_right(segment), tokenizer);
  return text::split_white_space(text);
}

std::vector<std::string> bleu_tokens(std::string_view segment, BleuTokenizer tokenizer) {
  std::string text;
  const auto tokens = bleu_tokens(segment, tokenizer, text);
  return {tokens.begin(), tokens.end()};
}

}  // namespace trellis::metrics
