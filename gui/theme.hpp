/// Colours and sizes. Colours are those of Okabe and Ito ("Color Universal Design", 2008), told
/// apart also by people who see fewer; every size is in units of the font.
#pragma once

#include <imgui.h>

#include <cstddef>

namespace trellis::gui {

struct Theme {
  bool dark = true;
  ImU32 text = 0;
  ImU32 faint = 0;   ///< secondary text, axes
  ImU32 accent = 0;  ///< what is chosen
  ImU32 good = 0;    ///< better, kept
  ImU32 bad = 0;     ///< worse, failed
  ImU32 warning = 0;
  ImU32 panel = 0;  ///< behind plots
  ImU32 grid = 0;
};

Theme make_theme(bool dark);
/// Gives ImGui's style the theme's colours, and sizes for a font of `font_size` pixels.
void apply_theme(const Theme& theme, float font_size);

/// The i-th series of a plot; they repeat after seven, so markers must tell them apart too.
ImU32 series_colour(const Theme& theme, std::size_t series);
/// `share` in [0, 1] from the panel's colour to `colour`.
ImU32 mixed(ImU32 from, ImU32 to, float share);
ImU32 with_alpha(ImU32 colour, float alpha);
/// Black or white, whichever is read better on it.
ImU32 readable_on(ImU32 colour);

}  // namespace trellis::gui
