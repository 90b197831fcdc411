/// Parallel coordinates: an axis a column, a line an item. Dragging along an axis brushes it, and
/// only lines within all brushes stand out; a click on the axis without dragging ends its brush.
#pragma once

#include <imgui.h>

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gui/theme.hpp"
#include "gui/widgets/plot.hpp"

namespace trellis::gui {

struct ParallelAxis {
  std::string name;
  std::vector<double> values;       ///< one a line; not-a-number where it has none
  std::vector<std::string> labels;  ///< of the values 0, 1, …; empty: numbers
};

/// What is brushed, by axis name; belongs to whoever draws it.
struct ParallelView {
  std::map<std::string, PlotRange> brushes;
  std::string dragged;  ///< the axis under the mouse since it was pressed
  double from = 0;      ///< where that was
};

struct ParallelAnswer {
  std::optional<std::size_t> hovered;  ///< the line nearest to the mouse
  bool clicked = false;                ///< on it
};

/// `colours`: one a line.
ParallelAnswer parallel_coordinates(const char* id, ImVec2 size, std::span<const ParallelAxis> axes,
                                    std::span<const ImU32> colours, ParallelView& view,
                                    const Theme& theme);

/// Whether a line lies within all brushes; without a value it lies within none.
bool is_brushed(std::span<const ParallelAxis> axes, const ParallelView& view, std::size_t line);

}  // namespace trellis::gui
