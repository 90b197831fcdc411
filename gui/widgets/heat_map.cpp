#include "gui/widgets/heat_map.hpp"

#include <algorithm>
#include <string>

#include "gui/fonts.hpp"
#include "gui/widgets/flow.hpp"

namespace trellis::gui {
namespace {

/// A label that ends where it must, clipped on the left side's behalf.
void label(ImVec2 right_middle, std::string_view text, float room, ImU32 colour) {
  std::string buffer;
  const auto shown = drawable(text, buffer, true);
  const float width = std::min(width_of(shown), room);
  const float height = ImGui::GetTextLineHeight();
  const ImVec4 clip(right_middle.x - width, right_middle.y - height, right_middle.x,
                    right_middle.y + height);
  ImGui::GetWindowDrawList()->AddText(ImGui::GetFont(), ImGui::GetFontSize(),
                                      {right_middle.x - width, right_middle.y - height / 2}, colour,
                                      shown.data(), shown.data() + shown.size(), 0, &clip);
}

/// Column labels are turned by a quarter: their glyphs are written flat and then rotated.
void upright_label(ImVec2 bottom_middle, std::string_view text, float room, ImU32 colour) {
  auto* list = ImGui::GetWindowDrawList();
  const int first = list->VtxBuffer.Size;
  std::string buffer;
  const auto shown = drawable(text, buffer, true);
  // Characters outside of what is drawn are left out before they are turned, so it is written where
  // there is room.
  const ImVec2 at = list->GetClipRectMin();
  const float height = ImGui::GetTextLineHeight();
  const ImVec4 clip(at.x, at.y, at.x + room, at.y + height);
  list->AddText(ImGui::GetFont(), ImGui::GetFontSize(), at, colour, shown.data(),
                shown.data() + shown.size(), 0, &clip);
  for (int i = first; i < list->VtxBuffer.Size; ++i) {
    auto& corner = list->VtxBuffer[i].pos;
    corner = {bottom_middle.x + corner.y - at.y - height / 2, bottom_middle.y - (corner.x - at.x)};
  }
}

}  // namespace

std::optional<HeatMapCell> heat_map(const char* id, const HeatMap& map, ImVec2 size,
                                    const Theme& theme) {
  const auto rows = map.rows.size();
  const auto columns = map.columns.size();
  const float em = ImGui::GetFontSize();
  ImGui::InvisibleButton(id, {std::max(size.x, em), std::max(size.y, em)});
  if (rows == 0 || columns == 0 || map.values.size() < rows * columns) return std::nullopt;
  float label_width = 0;
  float label_height = 0;
  for (const auto& text : map.rows) label_width = std::max(label_width, width_of(text));
  for (const auto& text : map.columns) label_height = std::max(label_height, width_of(text));
  label_width = std::min(label_width + em / 2, 7 * em);
  label_height = std::min(label_height + em / 2, 7 * em);
  const float most = 1.6F * em;
  const auto length = [&](float room, float labels, std::size_t count) {
    return std::clamp((room - labels) / static_cast<float>(count), 2.0F, most);
  };
  // Labels that would not be read take no room.
  const bool row_labels = length(size.y, label_height, rows) >= 0.7F * em;
  const bool column_labels = length(size.x, label_width, columns) >= 0.7F * em;
  if (!row_labels) label_width = 0;
  if (!column_labels) label_height = 0;
  const float width = length(size.x, label_width, columns);
  const float height = length(size.y, label_height, rows);
  const ImVec2 corner = ImGui::GetItemRectMin();
  const ImVec2 origin(corner.x + label_width, corner.y + label_height);
  auto* list = ImGui::GetWindowDrawList();
  list->PushClipRect(corner, ImGui::GetItemRectMax(), true);
  std::optional<HeatMapCell> hovered;
  const auto mouse = ImGui::GetIO().MousePos;
  for (std::size_t row = 0; row < rows; ++row) {
    const float top = origin.y + static_cast<float>(row) * height;
    const bool chosen = map.chosen_row == row;
    if (row_labels) {
      label({origin.x - em / 4, top + height / 2}, map.rows[row], label_width,
            chosen ? theme.accent : theme.faint);
    }
    for (std::size_t column = 0; column < columns; ++column) {
      const float left = origin.x + static_cast<float>(column) * width;
      const float share = map.values[row * columns + column] / std::max(map.largest, 1e-9F);
      const ImVec2 high(left + width - 1, top + height - 1);
      list->AddRectFilled({left, top}, high, mixed(theme.panel, theme.accent, share));
      if (ImGui::IsItemHovered() && mouse.x >= left && mouse.x < left + width && mouse.y >= top &&
          mouse.y < top + height) {
        hovered = HeatMapCell{row, column};
        list->AddRect({left, top}, high, theme.text);
      }
    }
    if (chosen) {
      list->AddRect({origin.x - 1, top - 1},
                    {origin.x + static_cast<float>(columns) * width, top + height}, theme.accent);
    }
  }
  for (std::size_t column = 0; column < columns && column_labels; ++column) {
    upright_label({origin.x + (static_cast<float>(column) + 0.5F) * width, origin.y - em / 4},
                  map.columns[column], label_height, theme.faint);
  }
  list->PopClipRect();
  if (hovered) {
    std::string from;
    std::string to;
    const auto row = drawable(map.rows[hovered->row], from, true);
    const auto column = drawable(map.columns[hovered->column], to, true);
    ImGui::SetTooltip("%.*s → %.*s: %.4f", static_cast<int>(row.size()), row.data(),
                      static_cast<int>(column.size()), column.data(),
                      static_cast<double>(map.values[hovered->row * columns + hovered->column]));
  }
  return hovered;
}

}  // namespace trellis::gui
