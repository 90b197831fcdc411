/// Any two metrics against one another: error bars, the Pareto front, a click opens the samples.
#include <imgui.h>

#include <algorithm>
#include <cmath>

#include "gui/view_models/comparison.hpp"
#include "gui/view_models/leaderboard.hpp"
#include "gui/view_models/selection.hpp"
#include "gui/views/views.hpp"

namespace trellis::gui {
namespace {

struct Points {
  std::vector<std::size_t> rows;  ///< of the table, of the points in each series' order
  std::vector<PlotSeries> series;
  std::vector<std::vector<std::size_t>> row_of;  ///< [series][point]
};

void add_point(PlotSeries& series, const reports::Cell& x, const reports::Cell& y) {
  series.x.push_back(x.value.value_or(no_value));
  series.y.push_back(y.value.value_or(no_value));
  series.x_low.push_back(x.low.value_or(no_value));
  series.x_high.push_back(x.high.value_or(no_value));
  series.low.push_back(y.low.value_or(no_value));
  series.high.push_back(y.high.value_or(no_value));
}

/// One series a model, then the front as a line.
Points points_of(const reports::TaskTable& table, std::size_t x, std::size_t y,
                 const Theme& theme) {
  Points points;
  std::vector<double> xs;
  std::vector<double> ys;
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    const auto& arm = table.rows[row];
    auto found = std::ranges::find(points.series, arm.model, [](const auto& s) { return s.name; });
    if (found == points.series.end()) {
      const auto place = points.series.size();
      PlotSeries series;
      series.name = arm.model;
      series.colour = series_colour(theme, place);
      series.marker = place;
      series.line = false;
      points.series.push_back(std::move(series));
      points.row_of.emplace_back();
      found = points.series.end() - 1;
    }
    add_point(*found, arm.cells[x], arm.cells[y]);
    points.row_of[static_cast<std::size_t>(found - points.series.begin())].push_back(row);
    xs.push_back(arm.cells[x].value.value_or(no_value));
    ys.push_back(arm.cells[y].value.value_or(no_value));
  }
  const auto higher_x = table.columns[x].higher_is_better;
  const auto higher_y = table.columns[y].higher_is_better;
  if (!higher_x || !higher_y) return points;
  const auto on_front = pareto_front(xs, ys, *higher_x, *higher_y);
  std::vector<std::pair<double, double>> front;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    if (on_front[i]) front.emplace_back(xs[i], ys[i]);
  }
  std::ranges::sort(front);
  PlotSeries line;
  line.name = "Pareto front";
  line.colour = theme.faint;
  line.faint = true;
  for (const auto& [at, height] : front) {
    line.x.push_back(at);
    line.y.push_back(height);
  }
  points.series.push_back(std::move(line));
  points.row_of.emplace_back();
  return points;
}

}  // namespace

void draw_explore(ViewContext& context) {
  auto& state = context.state;
  const auto* table = chosen_table(context.snapshot, state);
  if (table == nullptr || table->columns.empty()) {
    say_empty("Comparing …");
    return;
  }
  static const std::vector<std::string> kinds = {"two metrics", "along a setting",
                                                 "parallel coordinates"};
  auto kind = kinds[static_cast<std::size_t>(state.explore)];
  if (choice(context, "##explore", kinds, kind, 12)) {
    state.explore = static_cast<ExploreKind>(std::ranges::find(kinds, kind) - kinds.begin());
    context.memory.explore = {};
  }
  ImGui::SameLine();
  if (state.explore != ExploreKind::metrics && context.snapshot.overview) {
    state.explore == ExploreKind::setting ? draw_along_setting(context, *table)
                                          : draw_parallel(context, *table);
    return;
  }
  std::vector<std::string> metrics;
  for (const auto& column : table->columns) metrics.push_back(column.name);
  auto x_name = chosen_metric(context.snapshot, state);
  auto y_name = column_of(*table, state.against) < metrics.size() ? state.against
                                                                  : metric_against(*table, x_name);
  if (choice(context, "x", metrics, x_name, 12)) {
    state.metric = x_name;
    context.memory.explore = {};
  }
  ImGui::SameLine();
  if (choice(context, "y", metrics, y_name, 12)) {
    state.against = y_name;
    context.memory.explore = {};
  }
  ImGui::SameLine();
  ImGui::TextDisabled("bars: 95 %% intervals   click: samples   wheel: zoom");
  const auto x = column_of(*table, x_name);
  const auto y = column_of(*table, y_name);
  const auto points = points_of(*table, x, y, context.theme);
  const auto label = [&](std::size_t column) {
    const auto& definition = table->columns[column];
    const auto direction = !definition.higher_is_better   ? ""
                           : *definition.higher_is_better ? " (higher is better)"
                                                          : " (lower is better)";
    return definition.name + direction;
  };
  const auto answer = plot("explore", ImGui::GetContentRegionAvail(), {label(x), false},
                           {label(y), false}, points.series, context.memory.explore, context.theme);
  mark(context, "explore");
  if (!answer.hovered) return;
  const auto row = points.row_of[answer.hovered->series][answer.hovered->point];
  const auto& arm = table->rows[row];
  ImGui::BeginTooltip();
  text_line(arm.model + " · " + arm.strategy);
  for (const auto column : {x, y}) {
    text_line(table->columns[column].name + " " +
              reports::format_cell(arm.cells[column], table->columns[column].decimals));
  }
  ImGui::EndTooltip();
  if (answer.clicked) {
    choose_arm(*table, row, x_name, state);
    state.screen = Screen::samples;
  }
}

}  // namespace trellis::gui
