#include "core/text/unicode.hpp"

#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <cstring>
#include <new>

namespace trellis::text {
namespace {

/// Number of leading ASCII bytes, looked at eight at a time: most data is mostly ASCII.
std::size_t ascii_prefix(std::string_view text, std::size_t from) {
  std::size_t at = from;
  while (at + 8 <= text.size()) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, sizeof word);
    if ((word & 0x8080808080808080ULL) != 0) break;
    at += 8;
  }
  while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
  return at - from;
}

/// The code point at `at`, which moves behind it; negative for an invalid sequence, which ends
/// where ICU and Unicode 3.9 say that its maximal subpart ends.
UChar32 next(std::string_view text, std::size_t& at) {
  UChar32 code_point = 0;
  U8_NEXT(text.data(), at, text.size(), code_point);
  return code_point;
}

// Most characters are, and need no more than this look.
bool is_visible_ascii(char c) {
  return c > ' ' && c <= '~';
}

}  // namespace

std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    at += ascii_prefix(text, at);
    if (at == text.size()) break;
    const std::size_t start = at;
    if (next(text, at) < 0) return start;
  }
  return std::nullopt;
}

std::string replace_invalid_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::size_t start = at;
    if (next(bytes, at) < 0) {
      append_utf8(U'\uFFFD', out);
    } else {
      out.append(bytes.substr(start, at - start));
    }
  }
  return out;
}

std::vector<char32_t> to_code_points(std::string_view text) {
  std::vector<char32_t> out;
  out.reserve(text.size());
  std::size_t at = 0;
  while (at < text.size()) {
    const UChar32 code_point = next(text, at);
    out.push_back(code_point < 0 ? U'\uFFFD' : static_cast<char32_t>(code_point));
  }
  return out;
}

char32_t code_point_of(std::string_view text) {
  std::size_t at = 0;
  const UChar32 code_point = next(text, at);
  return code_point < 0 ? U'\uFFFD' : static_cast<char32_t>(code_point);
}

bool is_mark(char32_t code_point) {
  return (U_GET_GC_MASK(static_cast<UChar32>(code_point)) & U_GC_M_MASK) != 0;
}

std::string from_code_points(std::u32string_view code_points) {
  std::string out;
  out.reserve(code_points.size());
  for (const char32_t code_point : code_points) append_utf8(code_point, out);
  return out;
}

void append_utf8(char32_t code_point, std::string& out) {
  // Surrogates and what lies beyond U+10FFFF have no UTF-8.
  if (!U_IS_UNICODE_CHAR(code_point) && (code_point > 0x10FFFF || U_IS_SURROGATE(code_point))) {
    code_point = U'\uFFFD';
  }
  char buffer[U8_MAX_LENGTH];
  std::size_t size = 0;
  U8_APPEND_UNSAFE(buffer, size, code_point);
  out.append(buffer, size);
}

std::vector<std::string_view> split_code_points(std::string_view text) {
  std::vector<std::string_view> out;
  out.reserve(text.size());
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t start = at;
    next(text, at);
    out.push_back(text.substr(start, at - start));
  }
  return out;
}

std::string to_lower(std::string_view text) {
  if (ascii_prefix(text, 0) == text.size()) {
    std::string out(text);
    for (char& c : out) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
  }
  std::string out;
  out.reserve(text.size());
  icu::StringByteSink<std::string> sink(&out);
  UErrorCode status = U_ZERO_ERROR;
  // The empty locale is the root: Turkish and Lithuanian rules stay out, as in Python.
  icu::CaseMap::utf8ToLower("", 0,
                            icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())),
                            sink, nullptr, status);
  if (U_FAILURE(status)) throw std::bad_alloc();
  return out;
}

bool is_ascii_punctuation(char c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
         (c >= '{' && c <= '~');
}

bool is_space(char32_t code_point) {
  if (code_point == ' ') return true;  // as most are
  // Python's str.isspace(): bidirectional class WS, B or S, or category Zs. ICU has the parts,
  // but the set is small and has not changed since Unicode 6.3.
  return (code_point >= 0x09 && code_point <= 0x0D) || (code_point >= 0x1C && code_point <= 0x20) ||
         code_point == 0x85 || code_point == 0xA0 || code_point == 0x1680 ||
         (code_point >= 0x2000 && code_point <= 0x200A) || code_point == 0x2028 ||
         code_point == 0x2029 || code_point == 0x202F || code_point == 0x205F ||
         code_point == 0x3000;
}

std::vector<std::string_view> split_white_space(std::string_view text) {
  std::vector<std::string_view> out;
  std::size_t word = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    if (is_visible_ascii(text[at])) {
      ++at;
      continue;
    }
    const std::size_t start = at;
    const UChar32 code_point = next(text, at);
    if (code_point < 0 || !is_space(static_cast<char32_t>(code_point))) continue;
    if (start > word) out.push_back(text.substr(word, start - word));
    word = at;
  }
  if (text.size() > word) out.push_back(text.substr(word));
  return out;
}

std::string_view strip(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t start = at;
    const UChar32 code_point = next(text, at);
    if (code_point < 0 || !is_space(static_cast<char32_t>(code_point))) {
      return strip_right(text.substr(start));
    }
  }
  return {};
}

std::string_view strip_right(std::string_view text) {
  // Texts are far below 2 GiB (kLongestLine), which is what ICU counts in.
  const auto* data = reinterpret_cast<const std::uint8_t*>(text.data());
  auto end = static_cast<std::int32_t>(text.size());
  while (end > 0) {
    std::int32_t start = end;
    UChar32 code_point = 0;
    U8_PREV(data, 0, start, code_point);
    if (code_point < 0 || !is_space(static_cast<char32_t>(code_point))) break;
    end = start;
  }
  return text.substr(0, static_cast<std::size_t>(end));
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  std::size_t found = text.find(from);
  if (found == std::string::npos) return;
  std::string out;
  std::size_t at = 0;
  for (; found != std::string::npos; found = text.find(from, at)) {
    out.append(text, at, found - at).append(to);
    at = found + from.size();
  }
  text = std::move(out.append(text, at));
}

}  // namespace trellis::text
