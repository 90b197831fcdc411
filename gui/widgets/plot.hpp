/// A plot on an ImDrawList: axes, ticks, grid, lines, points with error bars, bands, legend, zoom
/// and pan, linear or logarithmic.
///
/// Wheel: zoom around the mouse; drag: pan; double click: show all. Long lines are drawn as the
/// lowest and highest value of each column of pixels, so that no peak is lost.
#pragma once

#include <imgui.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gui/theme.hpp"

namespace trellis::gui {

struct PlotAxis {
  std::string label;
  bool logarithmic = false;
};

struct PlotSeries {
  std::string name;  ///< in the legend; empty: not there
  ImU32 colour = 0;
  std::size_t marker = 0;             ///< shape of points
  bool line = true;                   ///< joined from left to right; else points
  bool faint = false;                 ///< behind the others
  std::vector<double> x, y;           ///< as many; x ascending for lines. Not-a-number is left out
  std::vector<double> low, high;      ///< error bars or, with `line`, a band; may be empty
  std::vector<double> x_low, x_high;  ///< error bars along x; may be empty
};

struct PlotRange {
  double low = 0;
  double high = 1;
};

/// What a plot shows of its data; belongs to whoever draws it.
struct PlotView {
  std::optional<PlotRange> x, y;  ///< nothing: all of the data
};

struct PlotPoint {
  std::size_t series = 0;
  std::size_t point = 0;
};

struct PlotAnswer {
  std::optional<PlotPoint> hovered;  ///< the nearest point within reach of the mouse
  bool clicked = false;              ///< on it
};

PlotAnswer plot(const char* id, ImVec2 size, const PlotAxis& x_axis, const PlotAxis& y_axis,
                std::span<const PlotSeries> series, PlotView& view, const Theme& theme);

/// Round numbers that divide a range into about `wanted` parts; powers of ten and their simple
/// multiples on a logarithmic axis.
std::vector<double> plot_ticks(PlotRange range, bool logarithmic, int wanted);

/// For each of `columns` equal parts of [range.low, range.high] that has data: the indices of the
/// first, lowest, highest and last value in it, ascending, each once. `x` ascending.
std::vector<std::size_t> keep_extremes(std::span<const double> x, std::span<const double> y,
                                       PlotRange range, std::size_t columns);

}  // namespace trellis::gui
