#include "core/metrics/mteval.hpp"

#include "core/metrics/rewriting.hpp"

namespace trellis::metrics {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_period_or_comma(char c) {
  return c == '.' || c == ',';
}

bool stands_alone(char c) {
  return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= '!' && c <= '&') ||
         (c >= '(' && c <= '+') || (c >= ':' && c <= '@') || c == '/';
}

}  // namespace

void unescape_entities(std::string& text) {
  replace_all(text, "&quot;", "\"");
  replace_all(text, "&amp;", "&");
  replace_all(text, "&lt;", "<");
  replace_all(text, "&gt;", ">");
}

std::string isolate_punctuation(std::string_view line) {
  std::string text;
  text.reserve(line.size() * 2);
  for (const char c : line) {
    if (stands_alone(c)) {
      text.append({' ', c, ' '});
    } else {
      text.push_back(c);
    }
  }
  return text;
}

// Bytes will do: what a rule looks at is ASCII, and "no digit" is as true of a character's first
// and last byte as of the character.
void cut_numbers(std::string& text) {
  std::string out;
  const auto rule = [&](auto matches, auto write) { rewrite_pairs(text, out, matches, write); };
  rule([](char a, char b) { return !is_digit(a) && is_period_or_comma(b); },
       [&](char a, char b) {
         out.append({a, ' ', b, ' '});
       });
  rule([](char a, char b) { return is_period_or_comma(a) && !is_digit(b); },
       [&](char a, char b) {
         out.append({' ', a, ' ', b});
       });
  rule([](char a, char b) { return is_digit(a) && b == '-'; },
       [&](char a, char b) {
         out.append({a, ' ', b, ' '});
       });
}

}  // namespace trellis::metrics
