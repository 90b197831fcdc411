/// How many columns of a terminal a text takes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace trellis::reports {

/// Wide and fullwidth characters (Unicode Standard Annex 11) and emoji take two columns, combining
/// marks and other zero-width characters none. `text` is UTF-8; invalid bytes take one each.
std::size_t display_width(std::string_view text);

/// `text` with spaces up to `width`, at its end or (`right`) at its start.
std::string padded(std::string_view text, std::size_t width, bool right = false);

/// What of `text` fits `width` columns, with "…" where something was cut. Control characters
/// become spaces, so that a label cannot move the cursor.
std::string fitted(std::string_view text, std::size_t width);

}  // namespace trellis::reports
