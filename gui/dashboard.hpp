/// The whole window: screens, the linked selection along the top, palette, keys, undo, links.
///
/// One thread, the one of the ImGui context. A frame is: `draw` between NewFrame and Render, then
/// `take_requests` for what only the shell can do.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "gui/views/views.hpp"

namespace trellis::gui {

class Dashboard {
 public:
  /// `rater`: who rates outputs, until the user says otherwise.
  explicit Dashboard(ViewState state, bool dark = true, std::string rater = "");

  /// Draws one frame over the whole display.
  void draw(const Snapshot& snapshot);
  /// What the next frames need.
  Wish wish(const Snapshot& snapshot) const;
  std::vector<Request> take_requests();
  /// What the user said of outputs since the last call, to be stored.
  std::vector<Annotation> take_annotations();

  const ViewState& state() const { return state_; }
  bool dark() const { return theme_.dark; }
  /// Colours and sizes for a new font size in pixels; before the first frame.
  void set_font_size(float pixels);
  /// A line at the bottom until the next one.
  void tell(std::string message) { message_ = std::move(message); }
  /// Where tests find what was drawn; null ends that.
  void name_items(NamedItems* items) { memory_.items = items; }

 private:
  void draw_top(ViewContext& context);
  void draw_navigation(ViewContext& context);
  void draw_selection(ViewContext& context);
  void draw_screen(ViewContext& context);
  void draw_bottom(ViewContext& context);
  void draw_palette(ViewContext& context);
  void draw_keys();
  void take_keys();
  void remember(const ViewState& before);
  void undo();
  void redo();
  void run(const std::string& command, const Snapshot& snapshot);

  ViewState state_;
  Theme theme_;
  float font_size_ = 16;
  ViewMemory memory_;
  std::vector<ViewState> undone_, done_;
  bool palette_open_ = false;
  bool keys_open_ = false;
  std::string palette_text_;
  std::size_t palette_choice_ = 0;
  std::string message_;
};

}  // namespace trellis::gui
