/// Pieces of text set one after another and wrapped at the right edge: what token strips and
/// differences are drawn with.
#pragma once

#include <imgui.h>

#include <string_view>

namespace trellis::gui {

/// Places pieces from the current cursor on; `finish` moves the cursor below them.
class Flow {
 public:
  /// `padding`: beside each piece, in pixels.
  explicit Flow(float padding);

  /// Where the next piece of this text goes, as its rectangle on the screen. A piece that does not
  /// fit begins a new line; one that is wider than a line is drawn past the edge and clipped.
  ImVec4 place(std::string_view text);
  void new_line();
  /// The text itself, inside its rectangle.
  void draw(const ImVec4& rectangle, std::string_view text, ImU32 colour) const;
  void finish();

 private:
  float padding_;
  float left_, right_, line_height_;
  ImVec2 at_;
};

/// The width of a text in the current font.
float width_of(std::string_view text);

}  // namespace trellis::gui
