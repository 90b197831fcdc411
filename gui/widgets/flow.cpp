#include "gui/widgets/flow.hpp"

namespace trellis::gui {

float width_of(std::string_view text) {
  return ImGui::CalcTextSize(text.data(), text.data() + text.size()).x;
}

Flow::Flow(float padding) : padding_(padding), at_(ImGui::GetCursorScreenPos()) {
  left_ = at_.x;
  right_ = left_ + ImGui::GetContentRegionAvail().x;
  line_height_ = ImGui::GetTextLineHeight() * 1.5F;
}

ImVec4 Flow::place(std::string_view text) {
  const float width = width_of(text) + 2 * padding_;
  if (at_.x + width > right_ && at_.x > left_) new_line();
  const ImVec4 rectangle(at_.x, at_.y, at_.x + width, at_.y + line_height_);
  at_.x += width;
  return rectangle;
}

void Flow::new_line() {
  at_.x = left_;
  at_.y += line_height_ + 2;
}

void Flow::draw(const ImVec4& rectangle, std::string_view text, ImU32 colour) const {
  const float top = rectangle.y + (line_height_ - ImGui::GetTextLineHeight()) / 2;
  ImGui::GetWindowDrawList()->AddText({rectangle.x + padding_, top}, colour, text.data(),
                                      text.data() + text.size());
}

void Flow::finish() {
  ImGui::SetCursorScreenPos({left_, at_.y + line_height_ + 4});
  ImGui::Dummy({0, 0});
}

}  // namespace trellis::gui
