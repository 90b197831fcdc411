#include "reports/html/chart.hpp"

#include <fmt/format.h>

#include <cmath>

#include "reports/html/page.hpp"

namespace trellis::reports::html {
namespace {

constexpr int kSeries = 8;
constexpr double kTicks = 5;  // about so many

// 1, 2 or 5 times a power of ten.
double nice_step(double range) {
  const double rough = range / kTicks;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (rough <= factor * power) return factor * power;
  }
  return 10 * power;
}

}  // namespace

Scale::Scale(double low, double high, double from_pixel, double to_pixel)
    : low_(low), high_(high), from_(from_pixel), to_(to_pixel) {
  if (!(high_ - low_ > 1e-12 * std::abs(high_))) {
    const double around = high_ == 0 ? 1 : std::abs(high_) * 0.1;
    low_ -= around;
    high_ += around;
  }
  step_ = nice_step(high_ - low_);
  low_ = std::floor(low_ / step_) * step_;
  high_ = std::ceil(high_ / step_) * step_;
  const auto count = static_cast<int>(std::lround((high_ - low_) / step_));
  for (int i = 0; i <= count; ++i) ticks_.push_back(low_ + i * step_);
}

double Scale::at(double value) const {
  return from_ + (to_ - from_) * (value - low_) / (high_ - low_);
}

std::string Scale::label(double tick) const {
  const int decimals = std::max(0, -static_cast<int>(std::floor(std::log10(step_))));
  return fmt::format("{:.{}f}", std::abs(tick) < step_ / 2 ? 0.0 : tick, decimals);
}

std::string axes(const Scale& x, const Scale& y, const std::string& x_name,
                 const std::string& y_name, double width, double height) {
  const double left = x.at(x.ticks().front());
  const double right = x.at(x.ticks().back());
  const double bottom = y.at(y.ticks().front());
  const double top = y.at(y.ticks().back());
  std::string text;
  for (const double tick : y.ticks()) {
    text += fmt::format(
        "<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{1:.1f}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/>"
        "<text x=\"{3:.1f}\" y=\"{4:.1f}\" text-anchor=\"end\">{5}</text>",
        left, right, y.at(tick), left - 6, y.at(tick) + 4, y.label(tick));
  }
  for (const double tick : x.ticks()) {
    text += fmt::format(
        "<line class=\"axis\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" y2=\"{2:.1f}\"/>"
        "<text x=\"{0:.1f}\" y=\"{3:.1f}\" text-anchor=\"middle\">{4}</text>",
        x.at(tick), bottom, bottom + 4, bottom + 18, x.label(tick));
  }
  text +=
      fmt::format("<line class=\"axis\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>",
                  left, right, bottom, bottom);
  text += fmt::format(
      "<text class=\"axis-name\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>",
      width - 8, height - 6, escape(x_name));
  text += fmt::format("<text class=\"axis-name\" x=\"8\" y=\"{:.1f}\">{}</text>\n", top - 10,
                      escape(y_name));
  return text;
}

std::string series_colour(std::size_t index) {
  return fmt::format("var(--series-{})", index % kSeries);
}

std::string marker(std::size_t index, double x, double y) {
  const auto colour = series_colour(index);
  switch (index % 4) {
    case 0:
      return fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"5\" fill=\"{}\"/>", x, y, colour);
    case 1:
      return fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"9\" height=\"9\" fill=\"{}\"/>",
                         x - 4.5, y - 4.5, colour);
    case 2:
      return fmt::format("<path d=\"M{:.1f} {:.1f}l6 10h-12z\" fill=\"{}\"/>", x, y - 6, colour);
    default:
      return fmt::format("<path d=\"M{:.1f} {:.1f}l6 6l-6 6l-6 -6z\" fill=\"{}\"/>", x, y - 6,
                         colour);
  }
}

}  // namespace trellis::reports::html
