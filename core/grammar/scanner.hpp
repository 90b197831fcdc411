/// What the readers of grammars share: a text that is read character by character, and its places.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/grammar/grammar.hpp"
#include "core/text/unicode.hpp"

namespace trellis::grammar {

/// Most repetitions that can be counted; each is a copy in the automaton.
inline constexpr std::size_t kMostRepetitions = 4096;

class Scanner {
 public:
  /// `what` begins every message. Throws Error(usage) for invalid UTF-8.
  Scanner(std::string_view source, std::string what) : what_(std::move(what)) {
    if (const auto bad = text::find_invalid_utf8(source))
      throw Error(Fault::usage, fmt::format("{}: invalid UTF-8 at byte {}", what_, *bad));
    characters_ = text::to_code_points(source);
  }

  bool at_end() const { return at_ == characters_.size(); }
  char32_t peek(std::size_t ahead = 0) const {
    return at_ + ahead < characters_.size() ? characters_[at_ + ahead] : 0;
  }
  char32_t next() { return characters_[at_++]; }
  bool take(char32_t wanted) {
    if (at_end() || peek() != wanted) return false;
    ++at_;
    return true;
  }
  void expect(char32_t wanted, std::string_view name) {
    if (!take(wanted)) fail(fmt::format("{} is missing", name));
  }

  [[noreturn]] void fail(const std::string& why) const {
    std::size_t line = 1;
    std::size_t column = 1;
    for (std::size_t i = 0; i < at_; ++i) {
      ++column;
      if (characters_[i] == '\n') {
        ++line;
        column = 1;
      }
    }
    throw Error(Fault::usage, fmt::format("{}:{}:{}: {}", what_, line, column, why));
  }

  /// So many hexadecimal digits.
  char32_t hexadecimal(std::size_t digits) {
    char32_t value = 0;
    for (std::size_t i = 0; i < digits; ++i) value = value * 16 + digit();
    return checked(value);
  }

  /// Hexadecimal digits up to a closing brace.
  char32_t braced_hexadecimal() {
    char32_t value = 0;
    do {
      value = value * 16 + digit();
      checked(value);
    } while (!take('}'));
    return value;
  }

  /// What n, t, r and x with two hexadecimal digits mean behind a backslash, in both notations.
  std::optional<char32_t> common_escape(char32_t character) {
    switch (character) {
      case 'n':
        return '\n';
      case 't':
        return '\t';
      case 'r':
        return '\r';
      case 'x':
        return hexadecimal(2);
      default:
        return std::nullopt;
    }
  }

  std::size_t number() {
    if (peek() < '0' || peek() > '9') fail("a number is missing");
    std::size_t value = 0;
    while (peek() >= '0' && peek() <= '9') {
      value = value * 10 + (next() - '0');
      if (value > kMostRepetitions) fail(fmt::format("more than {}", kMostRepetitions));
    }
    return value;
  }

  /// What *, +, ?, {m}, {m,} or {m,n} behind a part make of it.
  Expression repeated(Expression part) {
    if (take('*')) return repeat_of(std::move(part), 0, std::nullopt);
    if (take('+')) return repeat_of(std::move(part), 1, std::nullopt);
    if (take('?')) return repeat_of(std::move(part), 0, 1);
    if (!take('{')) return part;
    const std::size_t least = peek() == ',' ? 0 : number();
    std::optional<std::size_t> most = least;
    if (take(',')) most = peek() == '}' ? std::nullopt : std::optional(number());
    expect('}', "}");
    if (most && *most < least) fail(fmt::format("{{{},{}}}: the second is smaller", least, *most));
    return repeat_of(std::move(part), least, most);
  }

  /// The rest of a class after its [; `escape` reads what follows a backslash.
  template <typename Escape>
  Expression character_class(const Escape& escape) {
    const bool negated = take('^');
    std::vector<CodePointRange> ranges;
    bool first = true;
    while (first || peek() != ']') {
      if (at_end()) fail("] is missing");
      first = false;
      const auto low = member(escape);
      if (low.size() != 1 || low[0].first != low[0].last || peek() != '-' || peek(1) == ']') {
        ranges.insert(ranges.end(), low.begin(), low.end());
        continue;
      }
      take('-');
      const auto high = member(escape);
      if (high.size() != 1 || high[0].first != high[0].last) fail("a range ends in a class");
      if (high[0].first < low[0].first) fail("a range runs backwards");
      ranges.push_back({low[0].first, high[0].first});
    }
    take(']');
    return characters_of(negated ? complement(std::move(ranges)) : std::move(ranges));
  }

 private:
  template <typename Escape>
  std::vector<CodePointRange> member(const Escape& escape) {
    if (at_end()) fail("] is missing");
    const char32_t character = next();
    if (character == '\\') return escape();
    return {{character, character}};
  }

  char32_t digit() {
    const char32_t c = peek();
    if (c >= '0' && c <= '9') return next() - '0';
    if (c >= 'a' && c <= 'f') return next() - 'a' + 10;
    if (c >= 'A' && c <= 'F') return next() - 'A' + 10;
    fail("a hexadecimal digit is missing");
  }

  char32_t checked(char32_t value) const {
    if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) fail("no code point of a text");
    return value;
  }

  std::string what_;
  std::vector<char32_t> characters_;
  std::size_t at_ = 0;
};

}  // namespace trellis::grammar
