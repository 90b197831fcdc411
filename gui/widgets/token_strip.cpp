#include "gui/widgets/token_strip.hpp"

#include <string>

#include "gui/fonts.hpp"
#include "gui/widgets/flow.hpp"

namespace trellis::gui {

StripAnswer token_strip(const char* id, std::span<const StripToken> tokens,
                        std::optional<std::size_t> chosen, std::optional<std::size_t> parted,
                        const Theme& theme,
                        const std::function<void(std::size_t, const ImVec4&)>& placed) {
  StripAnswer answer;
  ImGui::PushID(id);
  auto* list = ImGui::GetWindowDrawList();
  const float unit = ImGui::GetFontSize() / 16;
  Flow flow(3 * unit);
  std::string buffer;
  const bool window_hovered = ImGui::IsWindowHovered();
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    auto shown = drawable(tokens[i].text, buffer, true);
    if (shown.empty()) shown = "∅";
    const auto box = flow.place(shown);
    if (placed) placed(i, box);
    const ImVec2 low(box.x + unit / 2, box.y);
    const ImVec2 high(box.z - unit / 2, box.w);
    const bool hovered = window_hovered && ImGui::IsMouseHoveringRect(low, high);
    list->AddRectFilled(low, high, tokens[i].fill, 3 * unit);
    if (hovered || chosen == i) {
      list->AddRect(low, high, chosen == i ? theme.text : theme.faint, 3 * unit, 0, 1.5F * unit);
    }
    if (parted == i) {
      list->AddRectFilled({box.x - unit, box.y - unit}, {box.x + unit, box.w + unit},
                          theme.warning);
    }
    flow.draw(box, shown, readable_on(tokens[i].fill));
    if (hovered) {
      answer.hovered = i;
      if (ImGui::IsMouseClicked(ImGuiMouseButton_Left)) answer.clicked = i;
    }
    if (tokens[i].text.find('\n') != std::string_view::npos) flow.new_line();
  }
  flow.finish();
  ImGui::PopID();
  return answer;
}

}  // namespace trellis::gui
