/// How one text differs from another, word by word (character by character where there are no
/// spaces, as in Chinese), and the text drawn so that it can be seen.
#pragma once

#include <string_view>
#include <vector>

#include "gui/theme.hpp"

namespace trellis::gui {

struct DifferencePiece {
  std::string_view text;  ///< of the second text
  bool common = true;     ///< also in the first, in this order
};

/// The second text in pieces that make it up again; what both have in common is a longest common
/// subsequence. Texts of more than 2,000 words are not compared: all is common then.
std::vector<DifferencePiece> difference(std::string_view first, std::string_view second);

/// Wrapped at the right edge; what is not in common stands on colour.
void draw_difference(const std::vector<DifferencePiece>& pieces, const Theme& theme);

}  // namespace trellis::gui
