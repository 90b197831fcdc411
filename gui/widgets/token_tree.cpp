#include "gui/widgets/token_tree.hpp"

#include <algorithm>

#include "gui/fonts.hpp"
#include "gui/widgets/flow.hpp"

namespace trellis::gui {
namespace {

/// Draws from left to right; `lane` counts the lines that are taken.
class TreeDrawing {
 public:
  TreeDrawing(const Theme& theme,
              const std::function<void(const TreeToken&, const ImVec4&)>& placed)
      : theme_(theme),
        placed_(placed),
        origin_(ImGui::GetCursorScreenPos()),
        list_(*ImGui::GetWindowDrawList()),
        window_hovered_(ImGui::IsWindowHovered()) {}

  void draw(const TreeStretch& stretch, float x) {
    const std::size_t lane = lane_;
    for (const auto& token : stretch.tokens) x = draw_token(token, x, lane);
    if (stretch.next.empty()) {
      x = draw_label(stretch, x, lane);
      ++lane_;
    }
    right_ = std::max(right_, x);
    const float fork = x + em_ / 2;
    for (const auto& next : stretch.next) {
      const float from = middle_of(lane);
      const float to = middle_of(lane_);
      list_.AddBezierCubic({x, from}, {fork, from}, {x + em_ / 2, to}, {x + 1.5F * em_, to},
                           theme_.faint, std::max(1.0F, em_ / 12));
      draw(next, x + 1.5F * em_);
    }
  }

  TreeAnswer finish() {
    ImGui::Dummy({right_ - origin_.x + em_, line_ * static_cast<float>(lane_)});
    return answer_;
  }

 private:
  float middle_of(std::size_t lane) const {
    return origin_.y + line_ * (static_cast<float>(lane) + 0.5F);
  }

  float draw_token(const TreeToken& token, float x, std::size_t lane) {
    auto shown = drawable(token.text, buffer_, true);
    if (shown.empty()) shown = "∅";
    const float y = middle_of(lane);
    const float half = 0.65F * em_;
    const ImVec2 low(x, y - half);
    const ImVec2 high(x + width_of(shown) + em_ / 3, y + half);
    list_.AddRectFilled(low, high, token.fill, em_ / 5);
    const bool hovered = window_hovered_ && ImGui::IsMouseHoveringRect(low, high);
    if (hovered || token.chosen) {
      list_.AddRect(low, high, token.chosen ? theme_.text : theme_.faint, em_ / 5, 0, em_ / 10);
    }
    list_.AddText({low.x + em_ / 6, y - em_ / 2}, readable_on(token.fill), shown.data(),
                  shown.data() + shown.size());
    if (placed_) placed_(token, {low.x, low.y, high.x, high.y});
    if (hovered) {
      answer_.hovered = token;
      answer_.clicked = ImGui::IsMouseClicked(ImGuiMouseButton_Left);
    }
    return high.x + em_ / 8;
  }

  float draw_label(const TreeStretch& leaf, float x, std::size_t lane) {
    const auto shown = drawable(leaf.label, buffer_, true);
    list_.AddText({x + em_ / 2, middle_of(lane) - em_ / 2}, leaf.label_colour, shown.data(),
                  shown.data() + shown.size());
    return x + em_ / 2 + width_of(shown);
  }

  const Theme& theme_;
  const std::function<void(const TreeToken&, const ImVec4&)>& placed_;
  const ImVec2 origin_;
  ImDrawList& list_;
  const bool window_hovered_;
  const float em_ = ImGui::GetFontSize();
  const float line_ = 1.7F * ImGui::GetFontSize();
  std::string buffer_;
  std::size_t lane_ = 0;
  float right_ = 0;
  TreeAnswer answer_;
};

}  // namespace

TreeAnswer token_tree(const char* id, const TreeStretch& root, const Theme& theme,
                      const std::function<void(const TreeToken&, const ImVec4&)>& placed) {
  ImGui::PushID(id);
  TreeDrawing drawing(theme, placed);
  drawing.draw(root, ImGui::GetCursorScreenPos().x);
  auto answer = drawing.finish();
  ImGui::PopID();
  return answer;
}

}  // namespace trellis::gui
