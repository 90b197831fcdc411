/// A dashboard without a window: frames into memory, with mouse and keys set by the caller.
#pragma once

#include <imgui.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "gui/dashboard.hpp"
#include "gui/fonts.hpp"
#include "gui/image.hpp"

namespace trellis::gui {

/// Owns an ImGui context, which is the current one while this lives. One at a time, one thread.
class Offscreen {
 public:
  /// `scale`: pixels for one unit; fonts and sizes follow.
  Offscreen(Dashboard& dashboard, int width, int height, float scale);
  Offscreen(const Offscreen&) = delete;
  Offscreen& operator=(const Offscreen&) = delete;
  ~Offscreen();

  /// One frame, a sixtieth of a second after the last. `texts` receives all that widgets wrote
  /// (not what was drawn as a picture: plots, token strips, differences).
  void frame(const Snapshot& snapshot, std::string* texts = nullptr);
  /// The last frame.
  Image image() const;

  void move_mouse(float x, float y);
  void set_button(bool down);
  void scroll(float wheel);
  void set_key(int key, bool down);  ///< ImGui's index: letters by ASCII, others from key_of
  void set_modifiers(bool ctrl, bool shift, bool alt);
  void type(std::string_view text);

 private:
  Dashboard& dashboard_;
  Fonts fonts_;
  float font_size_;
  std::shared_ptr<const CharacterSet> characters_;
  ImGuiContext* context_;
  std::string clipboard_;
};

/// Where this backend keeps a named key in ImGuiIO::KeysDown.
constexpr int key_of(ImGuiKey key) {
  return 256 + key;
}

}  // namespace trellis::gui
