#include "gui/widgets/search_lattice.hpp"

#include <algorithm>

#include "gui/fonts.hpp"
#include "gui/widgets/flow.hpp"

namespace trellis::gui {
namespace {

std::string shown_text(std::string_view text) {
  std::string buffer;
  const auto shown = drawable(text, buffer, true);
  return shown.empty() ? "∅" : std::string(shown);
}

/// Brings a token that was just chosen into view, where the keyboard has led out of it.
void follow(std::size_t column, const ImVec2& low, const ImVec2& high) {
  auto* shown = ImGui::GetStateStorage()->GetIntRef(ImGui::GetID("chosen"), -1);
  if (*shown == static_cast<int>(column)) return;
  *shown = static_cast<int>(column);
  const float left = ImGui::GetWindowPos().x;
  if (low.x >= left && high.x <= left + ImGui::GetWindowWidth()) return;
  ImGui::SetScrollFromPosX(low.x - left, 0.5F);
}

}  // namespace

LatticeAnswer search_lattice(const char* id, const std::vector<std::vector<LatticeToken>>& columns,
                             const Theme& theme,
                             const std::function<void(LatticePlace, const ImVec4&)>& placed) {
  ImGui::PushID(id);
  const float em = ImGui::GetFontSize();
  const float line = 1.7F * em;
  const ImVec2 origin = ImGui::GetCursorScreenPos();
  const bool window_hovered = ImGui::IsWindowHovered();
  auto& list = *ImGui::GetWindowDrawList();
  LatticeAnswer answer;
  std::vector<float> ends_before;  // right edges of the tokens in the column before
  float left = origin.x;
  std::size_t most_rows = 0;
  const auto middle_of = [&](std::size_t row) {
    return origin.y + line * (static_cast<float>(row) + 0.5F);
  };
  for (std::size_t column = 0; column < columns.size(); ++column) {
    std::vector<float> ends;
    float right = left;
    most_rows = std::max(most_rows, columns[column].size());
    for (std::size_t row = 0; row < columns[column].size(); ++row) {
      const auto& token = columns[column][row];
      const auto text = shown_text(token.text);
      const float y = middle_of(row);
      const ImVec2 low(left, y - 0.65F * em);
      const ImVec2 high(left + width_of(text) + em / 3, y + 0.65F * em);
      if (token.parent && *token.parent < ends_before.size()) {
        const ImVec2 from(ends_before[*token.parent], middle_of(*token.parent));
        const float half = (left - from.x) / 2;
        list.AddBezierCubic(from, {from.x + half, from.y}, {left - half, y}, {left, y},
                            token.on_path ? theme.accent : theme.faint,
                            std::max(1.0F, em / (token.on_path ? 6.0F : 14.0F)));
      }
      if (!token.faint) list.AddRectFilled(low, high, token.fill, em / 5);
      const bool hovered = window_hovered && ImGui::IsMouseHoveringRect(low, high);
      if (hovered || token.chosen) {
        list.AddRect(low, high, token.chosen ? theme.text : theme.faint, em / 5, 0, em / 10);
      }
      list.AddText({low.x + em / 6, y - em / 2},
                   token.faint ? theme.faint : readable_on(token.fill), text.data(),
                   text.data() + text.size());
      if (!token.label.empty()) {
        list.AddText({high.x + em / 3, y - em / 2}, token.on_path ? theme.accent : theme.text,
                     token.label.data(), token.label.data() + token.label.size());
      }
      if (token.chosen) follow(column, low, high);
      if (placed) placed({column, row}, {low.x, low.y, high.x, high.y});
      if (hovered) {
        answer.hovered = LatticePlace{column, row};
        answer.clicked = ImGui::IsMouseClicked(ImGuiMouseButton_Left);
      }
      ends.push_back(high.x);
      right = std::max(right, high.x + (token.label.empty() ? 0 : em / 3 + width_of(token.label)));
    }
    ends_before = std::move(ends);
    left = right + 1.6F * em;
  }
  ImGui::Dummy({left - origin.x, line * static_cast<float>(most_rows)});
  ImGui::PopID();
  return answer;
}

}  // namespace trellis::gui
