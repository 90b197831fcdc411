/// A matrix as colours, with labels on both sides: attention, and whatever else has two axes.
#pragma once

#include <imgui.h>

#include <functional>
#include <optional>
#include <span>
#include <string>

#include "gui/theme.hpp"

namespace trellis::gui {

struct HeatMapCell {
  std::size_t row = 0;
  std::size_t column = 0;
};

struct HeatMap {
  std::span<const float> values;  ///< [rows, columns], from 0 to `largest`
  std::span<const std::string> rows;
  std::span<const std::string> columns;
  float largest = 1;
  std::optional<std::size_t> chosen_row;
};

/// Draws inside `size`, with labels where they can be read. The cell under the mouse is returned
/// and told in a tooltip.
std::optional<HeatMapCell> heat_map(const char* id, const HeatMap& map, ImVec2 size,
                                    const Theme& theme);

}  // namespace trellis::gui
