/// Scales and axes of the report's inline SVG charts.
#pragma once

#include <string>
#include <vector>

namespace trellis::reports::html {

/// Maps values to pixels; the ends are rounded outwards to ticks that people read.
class Scale {
 public:
  Scale(double low, double high, double from_pixel, double to_pixel);
  double at(double value) const;
  const std::vector<double>& ticks() const { return ticks_; }
  std::string label(double tick) const;

 private:
  double low_, high_, from_, to_;
  double step_ = 1;
  std::vector<double> ticks_;
};

/// Grid lines, tick labels and the names of both axes.
std::string axes(const Scale& x, const Scale& y, const std::string& x_name,
                 const std::string& y_name, double width, double height);

/// "var(--series-3)".
std::string series_colour(std::size_t index);
/// A marker whose form also differs, for those who do not see colours.
std::string marker(std::size_t index, double x, double y);

}  // namespace trellis::reports::html
