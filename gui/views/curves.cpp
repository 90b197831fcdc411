/// Training and validation loss while models learn.
#include <fmt/format.h>
#include <imgui.h>

#include <cmath>

#include "gui/view_models/curves.hpp"
#include "gui/views/views.hpp"

namespace trellis::gui {
namespace {

const std::vector<std::string> axis_names = {"steps", "tokens", "seconds"};

void draw_curve_controls(ViewContext& context) {
  auto& state = context.state;
  auto chosen = axis_names[static_cast<std::size_t>(state.axis)];
  if (choice(context, "x", axis_names, chosen, 7)) {
    for (std::size_t i = 0; i < axis_names.size(); ++i) {
      if (axis_names[i] == chosen) state.axis = static_cast<CurveAxis>(i);
    }
    context.memory.curves = {};
  }
  ImGui::SameLine();
  auto smoothing = static_cast<float>(state.smoothing);
  ImGui::SetNextItemWidth(9 * ImGui::GetFontSize());
  if (ImGui::SliderFloat("smoothing", &smoothing, 0, 0.99F, "%.2f")) state.smoothing = smoothing;
  mark(context, "smoothing");
  ImGui::SameLine();
  if (ImGui::Checkbox("log x", &state.log_x)) context.memory.curves.x.reset();
  ImGui::SameLine();
  if (ImGui::Checkbox("log y", &state.log_y)) context.memory.curves.y.reset();
  ImGui::SameLine();
  ImGui::TextDisabled("wheel: zoom   drag: move   double click: all");
}

}  // namespace

void draw_curves(ViewContext& context) {
  const auto& state = context.state;
  if (!context.snapshot.overview) {
    say_empty("Reading …");
    return;
  }
  const auto curves = curves_of(*context.snapshot.overview, state);
  if (curves.empty()) {
    say_empty("No model of this experiment was trained here.");
    return;
  }
  draw_curve_controls(context);
  std::vector<PlotSeries> series;
  std::size_t model = 0;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    const auto& curve = curves[i];
    if (i > 0 && curve.split != "valid") ++model;
    const auto colour = series_colour(context.theme, model);
    PlotSeries line{curve.name,   colour,    model,      true, false, curve.x,
                    curve.smooth, curve.low, curve.high, {},   {}};
    if (curve.split == "train") line.colour = mixed(colour, context.theme.panel, 0.35F);
    if (state.smoothing > 0) {
      auto raw = line;
      raw.name.clear();
      raw.faint = true;
      raw.y = curve.raw;
      raw.low.clear();
      raw.high.clear();
      series.push_back(std::move(raw));
    }
    series.push_back(std::move(line));
  }
  const PlotAxis x{axis_names[static_cast<std::size_t>(state.axis)], state.log_x};
  const PlotAxis y{"loss, nats a token", state.log_y};
  const auto answer = plot("curves", ImGui::GetContentRegionAvail(), x, y, series,
                           context.memory.curves, context.theme);
  mark(context, "curves");
  if (answer.hovered) {
    const auto& one = series[answer.hovered->series];
    const auto i = answer.hovered->point;
    ImGui::BeginTooltip();
    text_line(one.name);
    ImGui::Text("%s %.6g", x.label.c_str(), one.x[i]);
    ImGui::Text("loss %.4f, perplexity %.2f", one.y[i], std::exp(one.y[i]));
    ImGui::EndTooltip();
  }
}

}  // namespace trellis::gui
