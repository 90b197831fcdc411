#include "gui/widgets/parallel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "gui/fonts.hpp"

namespace trellis::gui {
namespace {

/// One axis on the screen.
struct Place {
  float x = 0;
  float top = 0;
  float bottom = 0;
  PlotRange range;

  float height_of(double value) const {
    const double share = (value - range.low) / (range.high - range.low);
    return bottom - static_cast<float>(share) * (bottom - top);
  }
  double value_at(float y) const {
    const double share = static_cast<double>((bottom - y) / (bottom - top));
    return range.low + std::clamp(share, 0.0, 1.0) * (range.high - range.low);
  }
};

PlotRange range_of(const ParallelAxis& axis) {
  PlotRange range{std::numeric_limits<double>::infinity(),
                  -std::numeric_limits<double>::infinity()};
  for (const double value : axis.values) {
    if (std::isnan(value)) continue;
    range.low = std::min(range.low, value);
    range.high = std::max(range.high, value);
  }
  if (!(range.low <= range.high)) return {0, 1};
  if (range.low == range.high) return {range.low - 0.5, range.high + 0.5};
  return range;
}

bool inside(const PlotRange& range, double value) {
  return value >= std::min(range.low, range.high) && value <= std::max(range.low, range.high);
}

void draw_text(ImDrawList& list, ImVec2 at, float align, const std::string& text, ImU32 colour) {
  std::string buffer;
  const auto shown = drawable(text, buffer, true);
  const float width = ImGui::CalcTextSize(shown.data(), shown.data() + shown.size()).x;
  list.AddText({at.x - width * align, at.y}, colour, shown.data(), shown.data() + shown.size());
}

/// The ends of a range, or every label.
void draw_ticks(ImDrawList& list, const ParallelAxis& axis, const Place& place, float align,
                const Theme& theme) {
  const float em = ImGui::GetFontSize();
  const float x = place.x + (align > 0.5F ? -em / 3 : em / 3);
  if (axis.labels.empty()) {
    for (const double value : {place.range.low, place.range.high}) {
      draw_text(list, {x, place.height_of(value) - em / 2}, align, fmt::format("{:.4g}", value),
                theme.faint);
    }
    return;
  }
  float last = std::numeric_limits<float>::infinity();
  for (std::size_t i = 0; i < axis.labels.size(); ++i) {
    const float y = place.height_of(static_cast<double>(i));
    if (std::abs(last - y) < em) continue;  // no room
    last = y;
    draw_text(list, {x, y - em / 2}, align, axis.labels[i], theme.faint);
  }
}

std::vector<Place> places_of(std::span<const ParallelAxis> axes, ImVec2 begin, ImVec2 size) {
  const float em = ImGui::GetFontSize();
  std::vector<Place> places;
  const float margin = std::min(4 * em, size.x / 4);
  const float step =
      axes.size() > 1 ? (size.x - 2 * margin) / static_cast<float>(axes.size() - 1) : 0;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    places.push_back({begin.x + margin + step * static_cast<float>(i), begin.y + 2.2F * em,
                      begin.y + std::max(size.y - em, 3 * em), range_of(axes[i])});
  }
  return places;
}

/// Presses, drags and releases along axes.
void take_brushes(std::span<const ParallelAxis> axes, std::span<const Place> places,
                  ParallelView& view) {
  const auto mouse = ImGui::GetIO().MousePos;
  const float reach = ImGui::GetFontSize();
  if (ImGui::IsItemActivated()) {
    view.dragged.clear();
    for (std::size_t i = 0; i < axes.size(); ++i) {
      if (std::abs(mouse.x - places[i].x) > reach) continue;
      view.dragged = axes[i].name;
      view.from = places[i].value_at(mouse.y);
    }
  }
  if (view.dragged.empty()) return;
  const auto axis = std::ranges::find(axes, view.dragged, &ParallelAxis::name);
  if (axis == axes.end()) {
    view.dragged.clear();
    return;
  }
  const auto& place = places[static_cast<std::size_t>(axis - axes.begin())];
  const bool moved = std::abs(place.height_of(view.from) - mouse.y) > reach / 4;
  if (ImGui::IsItemActive() && moved)
    view.brushes[axis->name] = {view.from, place.value_at(mouse.y)};
  if (ImGui::IsItemDeactivated()) {
    if (!moved) view.brushes.erase(axis->name);
    view.dragged.clear();
  }
}

/// How far the mouse is from a line between the two axes beside it; infinite where it has none.
float distance_of(std::span<const ParallelAxis> axes, std::span<const Place> places,
                  std::size_t line) {
  const auto mouse = ImGui::GetIO().MousePos;
  for (std::size_t i = 0; i + 1 < axes.size(); ++i) {
    if (mouse.x < places[i].x || mouse.x > places[i + 1].x) continue;
    const double from = axes[i].values[line];
    const double to = axes[i + 1].values[line];
    if (std::isnan(from) || std::isnan(to)) break;
    const float share = (mouse.x - places[i].x) / std::max(places[i + 1].x - places[i].x, 1.0F);
    const float y = places[i].height_of(from) * (1 - share) + places[i + 1].height_of(to) * share;
    return std::abs(mouse.y - y);
  }
  return std::numeric_limits<float>::infinity();
}

void draw_line(ImDrawList& list, std::span<const ParallelAxis> axes, std::span<const Place> places,
               std::size_t line, ImU32 colour, float thickness) {
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const double value = axes[i].values[line];
    if (std::isnan(value)) continue;
    const ImVec2 at{places[i].x, places[i].height_of(value)};
    list.AddCircleFilled(at, 1.5F * thickness, colour, 8);
    if (i + 1 == axes.size() || std::isnan(axes[i + 1].values[line])) continue;
    list.AddLine(at, {places[i + 1].x, places[i + 1].height_of(axes[i + 1].values[line])}, colour,
                 thickness);
  }
}

}  // namespace

bool is_brushed(std::span<const ParallelAxis> axes, const ParallelView& view, std::size_t line) {
  return std::ranges::all_of(axes, [&](const auto& axis) {
    const auto brush = view.brushes.find(axis.name);
    return brush == view.brushes.end() || inside(brush->second, axis.values[line]);
  });
}

ParallelAnswer parallel_coordinates(const char* id, ImVec2 size, std::span<const ParallelAxis> axes,
                                    std::span<const ImU32> colours, ParallelView& view,
                                    const Theme& theme) {
  ParallelAnswer answer;
  const float em = ImGui::GetFontSize();
  const auto begin = ImGui::GetCursorScreenPos();
  size = {std::max(size.x, 8 * em), std::max(size.y, 6 * em)};
  ImGui::InvisibleButton(id, size);
  auto& list = *ImGui::GetWindowDrawList();
  list.AddRectFilled(begin, {begin.x + size.x, begin.y + size.y}, theme.panel);
  const auto places = places_of(axes, begin, size);
  take_brushes(axes, places, view);
  float nearest = em / 2;
  for (std::size_t line = 0; line < colours.size() && ImGui::IsItemHovered(); ++line) {
    const float distance = distance_of(axes, places, line);
    if (!is_brushed(axes, view, line) || !(distance < nearest)) continue;
    nearest = distance;
    answer.hovered = line;
  }
  const float thickness = std::max(1.0F, em / 10);
  for (const bool front : {false, true}) {
    for (std::size_t line = 0; line < colours.size(); ++line) {
      if (is_brushed(axes, view, line) != front || line == answer.hovered) continue;
      draw_line(list, axes, places, line, with_alpha(colours[line], front ? 0.75F : 0.1F),
                thickness);
    }
  }
  if (answer.hovered) {
    draw_line(list, axes, places, *answer.hovered, colours[*answer.hovered], 2.5F * thickness);
  }
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto& place = places[i];
    list.AddLine({place.x, place.top}, {place.x, place.bottom}, theme.faint, thickness);
    if (const auto brush = view.brushes.find(axes[i].name); brush != view.brushes.end()) {
      const float low = place.height_of(brush->second.low);
      const float high = place.height_of(brush->second.high);
      list.AddRectFilled({place.x - em / 3, std::min(low, high)},
                         {place.x + em / 3, std::max(low, high)}, with_alpha(theme.accent, 0.35F),
                         em / 8);
    }
    const float align = i == 0 ? 0.2F : i + 1 == axes.size() ? 0.8F : 0.5F;
    draw_text(list, {place.x, begin.y + (i % 2 == 0 ? 0 : em)}, align, axes[i].name, theme.text);
    draw_ticks(list, axes[i], place, i + 1 == axes.size() ? 1.0F : 0.0F, theme);
  }
  answer.clicked = answer.hovered && view.dragged.empty() && ImGui::IsItemClicked();
  return answer;
}

}  // namespace trellis::gui
