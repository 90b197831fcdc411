#include "gui/widgets/plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace trellis::gui {
namespace {

/// One axis on the screen: from values to pixels and back.
struct Scale {
  PlotRange range;
  bool logarithmic = false;
  float begin = 0;  ///< pixel of range.low
  float end = 0;

  double place(double value) const { return logarithmic ? std::log(value) : value; }
  float pixel(double value) const {
    const double share = (place(value) - place(range.low)) / (place(range.high) - place(range.low));
    return begin + static_cast<float>(std::clamp(share, -1e4, 1e4)) * (end - begin);
  }
  double value(float pixel) const {
    const double share = static_cast<double>((pixel - begin) / (end - begin));
    const double at = place(range.low) + share * (place(range.high) - place(range.low));
    return logarithmic ? std::exp(at) : at;
  }
  bool shows(double value) const { return std::isfinite(value) && (!logarithmic || value > 0); }
};

PlotRange range_of(std::span<const PlotSeries> series, bool logarithmic,
                   std::initializer_list<std::vector<double> PlotSeries::*> members) {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const auto& one : series) {
    for (const auto member : members) {
      for (const double value : one.*member) {
        if (!std::isfinite(value) || (logarithmic && value <= 0)) continue;
        low = std::min(low, value);
        high = std::max(high, value);
      }
    }
  }
  if (!(low <= high)) return logarithmic ? PlotRange{0.1, 1} : PlotRange{0, 1};
  if (logarithmic)
    return low < high ? PlotRange{low / 1.05, high * 1.05} : PlotRange{low / 2, high * 2};
  const double margin = low < high ? (high - low) * 0.04 : std::max(std::abs(low) * 0.1, 1e-6);
  return {low - margin, high + margin};
}

std::string tick_text(double value) {
  if (value != 0 && (std::abs(value) >= 1e6 || std::abs(value) < 1e-4))
    return fmt::format("{:.0e}", value);
  return fmt::format("{:.6g}", std::abs(value) < 1e-12 ? 0 : value);
}

void draw_marker(ImDrawList& list, ImVec2 at, float size, std::size_t shape, ImU32 colour) {
  switch (shape % 4) {
    case 0:
      list.AddCircleFilled(at, size, colour, 16);
      break;
    case 1:
      list.AddRectFilled({at.x - size, at.y - size}, {at.x + size, at.y + size}, colour);
      break;
    case 2:
      list.AddTriangleFilled({at.x, at.y - size * 1.2F}, {at.x + size * 1.1F, at.y + size},
                             {at.x - size * 1.1F, at.y + size}, colour);
      break;
    default:
      list.AddQuadFilled({at.x, at.y - size * 1.3F}, {at.x + size * 1.3F, at.y},
                         {at.x, at.y + size * 1.3F}, {at.x - size * 1.3F, at.y}, colour);
  }
}

class Plotter {
 public:
  Plotter(const PlotAxis& x_axis, const PlotAxis& y_axis, std::span<const PlotSeries> series,
          const Theme& theme)
      : series_(series),
        theme_(theme),
        list_(*ImGui::GetWindowDrawList()),
        em_(ImGui::GetFontSize()),
        x_label_(x_axis.label),
        y_label_(y_axis.label) {
    x_.logarithmic = x_axis.logarithmic;
    y_.logarithmic = y_axis.logarithmic;
  }

  PlotAnswer run(ImVec2 low, ImVec2 high, PlotView& view) {
    x_.range = view.x.value_or(range_of(series_, x_.logarithmic,
                                        {&PlotSeries::x, &PlotSeries::x_low, &PlotSeries::x_high}));
    y_.range = view.y.value_or(
        range_of(series_, y_.logarithmic, {&PlotSeries::y, &PlotSeries::low, &PlotSeries::high}));
    low_ = {low.x + 4.2F * em_, low.y + 1.5F * em_};
    high_ = {high.x - em_ / 2, high.y - 2.6F * em_};
    x_.begin = low_.x;
    x_.end = high_.x;
    y_.begin = high_.y;
    y_.end = low_.y;
    move(view);
    draw_axes(low, high);
    list_.PushClipRect(low_, high_, true);
    for (const auto& one : series_) {
      if (one.faint) draw(one);
    }
    for (const auto& one : series_) {
      if (!one.faint) draw(one);
    }
    list_.PopClipRect();
    draw_legend();
    return find_hovered();
  }

 private:
  void move(PlotView& view) {
    if (!ImGui::IsItemHovered() && !ImGui::IsItemActive()) return;
    const auto& io = ImGui::GetIO();
    if (ImGui::IsMouseDoubleClicked(ImGuiMouseButton_Left)) {
      view = {};
      return;
    }
    const auto moved = [](const Scale& scale, float first, float second) {
      return PlotRange{scale.value(first), scale.value(second)};
    };
    if (io.MouseWheel != 0) {
      const float factor = std::pow(0.85F, io.MouseWheel);
      const auto around = [&](const Scale& scale, float centre) {
        return moved(scale, centre + (scale.begin - centre) * factor,
                     centre + (scale.end - centre) * factor);
      };
      set(view.x, x_, around(x_, io.MousePos.x));
      set(view.y, y_, around(y_, io.MousePos.y));
    } else if (ImGui::IsItemActive() && ImGui::IsMouseDragging(ImGuiMouseButton_Left)) {
      set(view.x, x_, moved(x_, x_.begin - io.MouseDelta.x, x_.end - io.MouseDelta.x));
      set(view.y, y_, moved(y_, y_.begin - io.MouseDelta.y, y_.end - io.MouseDelta.y));
    }
  }

  /// Ranges that floating point can still tell apart.
  static void set(std::optional<PlotRange>& wanted, Scale& scale, PlotRange range) {
    const double width = scale.logarithmic
                             ? std::log(range.high / range.low)
                             : (range.high - range.low) /
                                   std::max({std::abs(range.low), std::abs(range.high), 1e-100});
    if (!std::isfinite(width) || width < 1e-9 || !std::isfinite(range.low) ||
        !std::isfinite(range.high))
      return;
    if (scale.logarithmic && (range.low < 1e-200 || range.high > 1e200)) return;
    wanted = range;
    scale.range = range;
  }

  void draw_axes(ImVec2 low, ImVec2 high) {
    list_.AddRectFilled(low_, high_, theme_.panel);
    const float line = ImGui::GetTextLineHeight();
    const int across = std::max(2, static_cast<int>((high_.x - low_.x) / (6 * em_)));
    const int up = std::max(2, static_cast<int>((high_.y - low_.y) / (2.5F * em_)));
    float free_from = low.x;
    for (const double tick : plot_ticks(x_.range, x_.logarithmic, across)) {
      const float at = std::round(x_.pixel(tick));
      list_.AddLine({at, low_.y}, {at, high_.y}, theme_.grid);
      const auto text = tick_text(tick);
      const float width = ImGui::CalcTextSize(text.c_str()).x;
      if (at - width / 2 < free_from) continue;
      free_from = at + width / 2 + em_ / 2;
      list_.AddText({at - width / 2, high_.y + em_ / 5}, theme_.faint, text.c_str());
    }
    for (const double tick : plot_ticks(y_.range, y_.logarithmic, up)) {
      const float at = std::round(y_.pixel(tick));
      list_.AddLine({low_.x, at}, {high_.x, at}, theme_.grid);
      const auto text = tick_text(tick);
      const float width = ImGui::CalcTextSize(text.c_str()).x;
      list_.AddText({low_.x - width - em_ / 3, at - line / 2}, theme_.faint, text.c_str());
    }
    const float width = ImGui::CalcTextSize(x_label_.c_str()).x;
    list_.AddText({(low_.x + high_.x - width) / 2, high.y - line}, theme_.text, x_label_.c_str());
    list_.AddText({low.x, low.y}, theme_.text, y_label_.c_str());
  }

  ImVec2 point(double x, double y) const { return {x_.pixel(x), y_.pixel(y)}; }

  void draw(const PlotSeries& one) {
    const auto size = std::min(one.x.size(), one.y.size());
    const ImU32 colour = one.faint ? with_alpha(one.colour, 0.3F) : one.colour;
    if (!one.line) {
      draw_points(one, size, colour);
      return;
    }
    const auto columns = static_cast<std::size_t>(std::max(high_.x - low_.x, 1.0F));
    std::vector<std::size_t> kept;
    if (size > 4 * columns && !x_.logarithmic) {
      kept = keep_extremes(one.x, one.y, x_.range, columns);
    } else {
      for (std::size_t i = 0; i < size; ++i) kept.push_back(i);
    }
    std::optional<std::size_t> before;
    std::vector<ImVec2> path;
    for (const auto i : kept) {
      if (!x_.shows(one.x[i]) || !y_.shows(one.y[i])) continue;
      if (before && one.low.size() == size && one.high.size() == size) {
        const auto b = *before;
        list_.AddQuadFilled(point(one.x[b], one.low[b]), point(one.x[b], one.high[b]),
                            point(one.x[i], one.high[i]), point(one.x[i], one.low[i]),
                            with_alpha(one.colour, 0.15F));
      }
      before = i;
      path.push_back(point(one.x[i], one.y[i]));
    }
    if (path.size() == 1) draw_marker(list_, path[0], em_ / 5, one.marker, colour);
    list_.AddPolyline(path.data(), static_cast<int>(path.size()), colour, 0,
                      std::max(1.0F, em_ / (one.faint ? 14 : 8)));
    if (one.faint || path.size() > 60) return;
    for (const auto at : path) draw_marker(list_, at, em_ / 6, one.marker, colour);
  }

  void draw_points(const PlotSeries& one, std::size_t size, ImU32 colour) {
    const float thin = std::max(1.0F, em_ / 12);
    for (std::size_t i = 0; i < size; ++i) {
      if (!x_.shows(one.x[i]) || !y_.shows(one.y[i])) continue;
      const auto bar = with_alpha(colour, 0.6F);
      if (i < one.low.size() && y_.shows(one.low[i]) && y_.shows(one.high[i])) {
        list_.AddLine(point(one.x[i], one.low[i]), point(one.x[i], one.high[i]), bar, thin);
      }
      if (i < one.x_low.size() && x_.shows(one.x_low[i]) && x_.shows(one.x_high[i])) {
        list_.AddLine(point(one.x_low[i], one.y[i]), point(one.x_high[i], one.y[i]), bar, thin);
      }
      draw_marker(list_, point(one.x[i], one.y[i]), em_ / 3, one.marker, colour);
    }
  }

  void draw_legend() {
    float at = low_.y + em_ / 2;
    float widest = 0;
    int entries = 0;
    for (const auto& one : series_) {
      if (one.name.empty()) continue;
      widest = std::max(widest, ImGui::CalcTextSize(one.name.c_str()).x);
      ++entries;
    }
    const float line = ImGui::GetTextLineHeightWithSpacing();
    if (entries == 0 || static_cast<float>(entries) * line > high_.y - low_.y) return;
    const float left = high_.x - widest - 2 * em_;
    list_.AddRectFilled({left - em_ / 2, at - em_ / 4},
                        {high_.x - em_ / 4, at + static_cast<float>(entries) * line},
                        with_alpha(theme_.panel, 0.85F), em_ / 4);
    for (const auto& one : series_) {
      if (one.name.empty()) continue;
      draw_marker(list_, {left + em_ / 3, at + ImGui::GetTextLineHeight() / 2}, em_ / 4, one.marker,
                  one.colour);
      list_.AddText({left + em_, at}, theme_.text, one.name.c_str());
      at += line;
    }
  }

  PlotAnswer find_hovered() const {
    PlotAnswer answer;
    if (!ImGui::IsItemHovered()) return answer;
    const auto mouse = ImGui::GetIO().MousePos;
    float nearest = em_ * em_;
    for (std::size_t s = 0; s < series_.size(); ++s) {
      const auto& one = series_[s];
      if (one.faint) continue;
      for (std::size_t i = 0; i < std::min(one.x.size(), one.y.size()); ++i) {
        if (!x_.shows(one.x[i]) || !y_.shows(one.y[i])) continue;
        const auto at = point(one.x[i], one.y[i]);
        const float distance =
            (at.x - mouse.x) * (at.x - mouse.x) + (at.y - mouse.y) * (at.y - mouse.y);
        if (distance >= nearest) continue;
        nearest = distance;
        answer.hovered = PlotPoint{s, i};
      }
    }
    if (answer.hovered) {
      const auto& one = series_[answer.hovered->series];
      const auto i = answer.hovered->point;
      draw_marker(list_, point(one.x[i], one.y[i]), em_ / 2.2F, one.marker, theme_.text);
      draw_marker(list_, point(one.x[i], one.y[i]), em_ / 3, one.marker, one.colour);
      answer.clicked = ImGui::IsMouseClicked(ImGuiMouseButton_Left);
    }
    return answer;
  }

  std::span<const PlotSeries> series_;
  const Theme& theme_;
  ImDrawList& list_;
  float em_;
  std::string x_label_, y_label_;
  Scale x_, y_;
  ImVec2 low_, high_;
};

}  // namespace

PlotAnswer plot(const char* id, ImVec2 size, const PlotAxis& x_axis, const PlotAxis& y_axis,
                std::span<const PlotSeries> series, PlotView& view, const Theme& theme) {
  const float em = ImGui::GetFontSize();
  ImGui::InvisibleButton(id, {std::max(size.x, 10 * em), std::max(size.y, 8 * em)});
  const ImVec2 low = ImGui::GetItemRectMin();
  const ImVec2 high = ImGui::GetItemRectMax();
  return Plotter(x_axis, y_axis, series, theme).run(low, high, view);
}

}  // namespace trellis::gui
