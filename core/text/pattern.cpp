#include "core/text/pattern.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <new>
#include <stdexcept>
#include <string>

#include "core/error.hpp"

namespace trellis::text {
namespace {

std::string message_of(int code) {
  PCRE2_UCHAR buffer[256];
  pcre2_get_error_message(code, buffer, sizeof buffer);
  return reinterpret_cast<const char*>(buffer);
}

}  // namespace

Pattern::Pattern(std::string_view pattern) : Pattern(pattern, PCRE2_DOTALL) {}

Pattern::Pattern(std::string_view pattern, std::uint32_t options) {
  int code = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* compiled = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                       PCRE2_UTF | PCRE2_UCP | options, &code, &offset, nullptr);
  if (compiled == nullptr) {
    throw std::logic_error("the pattern " + std::string(pattern) + ": " + message_of(code));
  }
  code_.reset(compiled, &pcre2_code_free);
  // Where there is no just-in-time compiler, PCRE2's interpreter gives the same matches.
  pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
}

Pattern Pattern::read(std::string_view pattern) {
  constexpr std::size_t kLongest = 1 << 16;
  if (pattern.size() > kLongest) throw Error(Fault::bad_data, "a pattern of more than 64 KiB");
  try {
    // Oniguruma, for which these patterns are written, takes lines as Ruby does. \C would cut
    // characters.
    return Pattern(pattern, PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C);
  } catch (const std::logic_error& mistake) {
    std::string what = mistake.what();
    std::replace(what.begin(), what.end(), '\n', ' ');
    throw Error(Fault::bad_data, what);
  }
}

struct Pattern::Matcher::Data {
  pcre2_match_data* match;
  const PCRE2_SIZE* offsets;
};

Pattern::Matcher::Matcher(const Pattern& pattern, std::string_view text)
    : pattern_(pattern), text_(text), data_(std::make_unique<Data>()) {
  data_->match = pcre2_match_data_create(1, nullptr);
  if (data_->match == nullptr) throw std::bad_alloc();
  data_->offsets = pcre2_get_ovector_pointer(data_->match);
}

Pattern::Matcher::~Matcher() {
  pcre2_match_data_free(data_->match);
}

bool Pattern::Matcher::next(std::string_view& match) {
  if (at_ >= text_.size()) return false;
  // Without PCRE2_NO_UTF_CHECK every call would check the whole rest again: quadratic.
  const int found =
      pcre2_match(pattern_.code_.get(), reinterpret_cast<PCRE2_SPTR>(text_.data()), text_.size(),
                  at_, PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY, data_->match, nullptr);
  if (found == PCRE2_ERROR_NOMATCH) return false;
  if (found < 0) throw Error(Fault::environment, "splitting text: " + message_of(found));
  match = text_.substr(data_->offsets[0], data_->offsets[1] - data_->offsets[0]);
  at_ = data_->offsets[1];
  return true;
}

std::string literal_pattern(std::string_view text) {
  std::string pattern;
  for (const char c : text) {
    const bool plain = (static_cast<unsigned char>(c) & 0x80U) != 0 || (c >= '0' && c <= '9') ||
                       (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (!plain) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

}  // namespace trellis::text
