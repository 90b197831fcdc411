#include "core/text/character_classes.hpp"
#include "core/text/pre_tokenizer.hpp"

namespace trellis::text {
namespace {

/// Length of the contraction ('s, 't, 're, 've, 'm, 'll, 'd) that `text` begins with, or 0.
std::size_t contraction(std::string_view text) {
  if (text.size() < 2 || text[0] != '\'') return 0;
  if (text[1] == 's' || text[1] == 't' || text[1] == 'm' || text[1] == 'd') return 2;
  const auto two = text.substr(1, 2);
  return two == "re" || two == "ve" || two == "ll" ? 3 : 0;
}

/// Letters, numbers, or everything else that is no white space.
std::uint8_t kind_of(std::uint8_t classes) {
  return classes & (kLetter | kNumber | kWhiteSpace);
}

/// The end of the run of characters of `kind`.
std::size_t run_end(std::string_view text, std::size_t at, std::uint8_t kind) {
  while (at < text.size()) {
    std::size_t next = at;
    if (kind_of(next_classes(text, next)) != kind) break;
    at = next;
  }
  return at;
}

/// White space that begins at `begin`, whose first character ends at `at`: all of it at the end of
/// the text; else without its last character, which the next word may begin with.
std::size_t space_end(std::string_view text, std::size_t at) {
  std::size_t before_last = 0;
  std::size_t end = at;
  while (end < text.size()) {
    std::size_t next = end;
    if ((next_classes(text, next) & kWhiteSpace) == 0) break;
    before_last = end;
    end = next;
  }
  if (end == text.size() || before_last == 0) return end;
  return before_last;
}

}  // namespace

void split_as_gpt2(std::string_view text, std::size_t begin, std::size_t end,
                   std::vector<Piece>& pieces) {
  const auto part = text.substr(0, end);
  std::size_t at = begin;
  while (at < end) {
    const std::size_t start = at;
    if (part[at] == '\'') {
      at += contraction(part.substr(at));
    }
    if (at == start) {
      auto kind = kind_of(next_classes(part, at));
      if (kind == kWhiteSpace && part[start] == ' ' && at < end) {
        std::size_t next = at;
        const auto following = kind_of(next_classes(part, next));
        if (following != kWhiteSpace) {
          kind = following;
          at = next;
        }
      }
      at = kind == kWhiteSpace ? space_end(part, at) : run_end(part, at, kind);
    }
    pieces.push_back({static_cast<std::uint32_t>(start), static_cast<std::uint32_t>(at)});
  }
}

}  // namespace trellis::text
