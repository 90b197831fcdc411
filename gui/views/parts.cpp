/// Small pieces that screens share.
#include <fmt/format.h>
#include <imgui.h>

#include <algorithm>

#include "gui/fonts.hpp"
#include "gui/views/views.hpp"

namespace trellis::gui {

void mark(ViewContext& context, std::string_view name) {
  if (context.memory.items == nullptr) return;
  const auto low = ImGui::GetItemRectMin();
  const auto high = ImGui::GetItemRectMax();
  (*context.memory.items)[std::string(name)] = {low.x, low.y, high.x, high.y};
}

void text_line(std::string_view text) {
  std::string buffer;
  const auto shown = drawable(text, buffer, true);
  ImGui::TextUnformatted(shown.data(), shown.data() + shown.size());
}

void text_line(std::string_view text, ImU32 colour) {
  ImGui::PushStyleColor(ImGuiCol_Text, colour);
  text_line(text);
  ImGui::PopStyleColor();
}

void text_wrapped(std::string_view text) {
  std::string buffer;
  const auto shown = drawable(text, buffer, false);
  ImGui::PushTextWrapPos(0);
  ImGui::TextUnformatted(shown.data(), shown.data() + shown.size());
  ImGui::PopTextWrapPos();
}

void text_right(std::string_view text, ImU32 colour) {
  std::string buffer;
  const auto shown = drawable(text, buffer, true);
  const float width = ImGui::CalcTextSize(shown.data(), shown.data() + shown.size()).x;
  const float room = ImGui::GetContentRegionAvail().x;
  if (room > width) ImGui::SetCursorPosX(ImGui::GetCursorPosX() + room - width);
  ImGui::PushStyleColor(ImGuiCol_Text, colour);
  ImGui::TextUnformatted(shown.data(), shown.data() + shown.size());
  ImGui::PopStyleColor();
}

void progress_bar(ViewContext& context, float share, std::string_view text, float width) {
  const float em = ImGui::GetFontSize();
  const auto low = ImGui::GetCursorScreenPos();
  const float room = width > 0 ? width : ImGui::GetContentRegionAvail().x;
  // Beside buttons as high as they are, in a table as high as a line.
  const float padding = width > 0 ? ImGui::GetStyle().FramePadding.y : 0;
  const ImVec2 high(low.x + room, low.y + ImGui::GetTextLineHeight() + 2 * padding);
  auto& list = *ImGui::GetWindowDrawList();
  const auto& theme = context.theme;
  list.AddRectFilled(low, high, with_alpha(theme.accent, 0.1F), em / 5);
  if (share > 0) {
    const float end = low.x + room * std::clamp(share, 0.0F, 1.0F);
    list.AddRectFilled(low, {end, high.y}, with_alpha(theme.accent, 0.4F), em / 5);
  }
  const float wide = ImGui::CalcTextSize(text.data(), text.data() + text.size()).x;
  list.AddText({low.x + std::max(0.0F, (room - wide) / 2), low.y + padding}, theme.text,
               text.data(), text.data() + text.size());
  ImGui::Dummy({room, high.y - low.y});
  ImGui::LogText("%.*s", static_cast<int>(text.size()), text.data());
}

std::string_view beginning_of(std::string_view text) {
  constexpr std::size_t most_bytes = 300;
  if (text.size() <= most_bytes) return text;
  auto end = most_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end);
}

bool choice(ViewContext& context, const char* label, std::vector<std::string> choices,
            std::string& chosen, float width_in_em) {
  bool changed = false;
  std::string buffer;
  ImGui::SetNextItemWidth(width_in_em * ImGui::GetFontSize());
  const auto preview = std::string(drawable(chosen, buffer, true));
  const bool open = ImGui::BeginCombo(label, preview.c_str());
  mark(context, fmt::format("choice/{}", label));
  if (!open) return false;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    ImGui::PushID(static_cast<int>(i));
    const auto shown = std::string(drawable(choices[i], buffer, true));
    if (ImGui::Selectable(shown.empty() ? "(none)" : shown.c_str(), choices[i] == chosen)) {
      changed = choices[i] != chosen;
      chosen = choices[i];
    }
    mark(context, fmt::format("choice/{}/{}", label, choices[i]));
    ImGui::PopID();
  }
  ImGui::EndCombo();
  return changed;
}

void say_empty(std::string_view text) {
  const auto room = ImGui::GetContentRegionAvail();
  const float width =
      std::min(ImGui::CalcTextSize(text.data(), text.data() + text.size()).x, room.x);
  ImGui::SetCursorPos({ImGui::GetCursorPosX() + (room.x - width) / 2,
                       ImGui::GetCursorPosY() + std::max(room.y / 3, 0.0F)});
  ImGui::PushStyleColor(ImGuiCol_Text, ImGui::GetColorU32(ImGuiCol_TextDisabled));
  text_wrapped(text);
  ImGui::PopStyleColor();
}

}  // namespace trellis::gui
