#include "reports/display_width.hpp"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

namespace trellis::reports {
namespace {

std::size_t width_of(UChar32 character) {
  if (character < 0) return 1;
  switch (u_charType(character)) {
    case U_NON_SPACING_MARK:
    case U_ENCLOSING_MARK:
    case U_FORMAT_CHAR:
    case U_CONTROL_CHAR:
      return 0;
    default:
      break;
  }
  const auto east_asian = u_getIntPropertyValue(character, UCHAR_EAST_ASIAN_WIDTH);
  return east_asian == U_EA_WIDE || east_asian == U_EA_FULLWIDTH ? 2 : 1;
}

UChar32 next_character(std::string_view text, int32_t& at) {
  UChar32 character = 0;
  U8_NEXT(text.data(), at, static_cast<int32_t>(text.size()), character);
  return character;
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (int32_t at = 0; at < static_cast<int32_t>(text.size());) {
    width += width_of(next_character(text, at));
  }
  return width;
}

std::string padded(std::string_view text, std::size_t width, bool right) {
  const auto taken = display_width(text);
  const std::string space(taken < width ? width - taken : 0, ' ');
  return right ? space + std::string(text) : std::string(text) + space;
}

std::string fitted(std::string_view text, std::size_t width) {
  std::string out;
  std::size_t taken = 0;
  std::size_t keep = 0;  // Bytes that leave a column for "…".
  for (int32_t at = 0; at < static_cast<int32_t>(text.size());) {
    const auto start = static_cast<std::size_t>(at);
    const auto character = next_character(text, at);
    const bool control = character >= 0 && u_charType(character) == U_CONTROL_CHAR;
    taken += control ? 1 : width_of(character);
    if (taken > width) return out.substr(0, keep) + (width > 0 ? "…" : "");
    out += control ? std::string(" ")
                   : std::string(text.substr(start, static_cast<std::size_t>(at) - start));
    if (taken + 1 <= width) keep = out.size();
  }
  return out;
}

}  // namespace trellis::reports
