/// Regular expressions over UTF-8, by PCRE2's just-in-time compiler.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct pcre2_real_code_8;

namespace trellis::text {

/// A compiled pattern with Unicode properties. Immutable, so any thread may match with it.
class Pattern {
 public:
  /// `pattern` is written by us: a mistake in it is a std::logic_error.
  explicit Pattern(std::string_view pattern);

  /// `pattern` was read from a file: a mistake in it is an Error(bad_data). "." matches no line
  /// end,
  /// "^" and "$" match at lines.
  static Pattern read(std::string_view pattern);

  /// Calls `visit(match)` for each match, left to right, without overlaps. `text` must be valid
  /// UTF-8. Throws Error(environment) when matching runs out of memory.
  template <typename Visit>
  void for_each_match(std::string_view text, Visit&& visit) const {
    Matcher matcher(*this, text);
    std::string_view match;
    while (matcher.next(match)) visit(match);
  }

 private:
  Pattern(std::string_view pattern, std::uint32_t options);

  class Matcher {
   public:
    Matcher(const Pattern& pattern, std::string_view text);
    ~Matcher();
    Matcher(const Matcher&) = delete;
    Matcher& operator=(const Matcher&) = delete;
    bool next(std::string_view& match);

   private:
    struct Data;
    const Pattern& pattern_;
    std::string_view text_;
    std::size_t at_ = 0;
    std::unique_ptr<Data> data_;
  };

  std::shared_ptr<pcre2_real_code_8> code_;
};

/// A pattern that matches exactly this text.
std::string literal_pattern(std::string_view text);

}  // namespace trellis::text
