#include "core/text/character_classes.hpp"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <vector>

namespace trellis::text {
namespace {

// The tables that BERT's published tokenizers were made with know nothing younger.
constexpr std::uint8_t kYoungestUnicode = 8;

bool is_old(UChar32 c) {
  UVersionInfo age{};
  u_charAge(c, age);
  return age[0] <= kYoungestUnicode;
}

std::uint8_t compute(UChar32 c) {
  const auto mask = U_GET_GC_MASK(c);
  unsigned flags = 0;
  if ((mask & U_GC_L_MASK) != 0) flags |= kLetter;
  if ((mask & U_GC_N_MASK) != 0) flags |= kNumber;
  if (u_isUWhiteSpace(c) != 0) flags |= kWhiteSpace;
  const bool ascii_mark = c > 0x20 && c < 0x7F && u_isalnum(c) == 0;
  if (ascii_mark || ((mask & U_GC_P_MASK) != 0 && is_old(c))) flags |= kBertPunctuation;
  if ((mask & (U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK)) != 0 && c != '\t' && c != '\n' &&
      c != '\r' && is_old(c)) {
    flags |= kBertControl;
  }
  if ((mask & U_GC_MN_MASK) != 0 && is_old(c)) flags |= kNonSpacingMark;
  if ((mask & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0 ||
      u_hasBinaryProperty(c, UCHAR_ALPHABETIC) != 0 ||
      u_hasBinaryProperty(c, UCHAR_JOIN_CONTROL) != 0) {
    flags |= kWordCharacter;
  }
  if (c == '\r' || c == '\n') flags |= kLineEnd;
  return static_cast<std::uint8_t>(flags);
}

/// The characters of most text: the basic plane.
const std::vector<std::uint8_t>& table() {
  static const auto classes = [] {
    std::vector<std::uint8_t> made(0x10000);
    for (UChar32 c = 0; c < 0x10000; ++c) made[static_cast<std::size_t>(c)] = compute(c);
    return made;
  }();
  return classes;
}

}  // namespace

std::uint8_t classes_of(char32_t code_point) {
  return code_point < 0x10000 ? table()[code_point] : compute(static_cast<UChar32>(code_point));
}

std::uint8_t next_classes(std::string_view text, std::size_t& at) {
  UChar32 code_point = 0;
  U8_NEXT_UNSAFE(text.data(), at, code_point);
  return classes_of(static_cast<char32_t>(code_point));
}

}  // namespace trellis::text
