/// A metric along a swept setting, and all settings and metrics as parallel coordinates.
#include <fmt/format.h>
#include <imgui.h>

#include <algorithm>
#include <cmath>

#include "gui/view_models/leaderboard.hpp"
#include "gui/view_models/selection.hpp"
#include "gui/views/views.hpp"

namespace trellis::gui {
namespace {

constexpr std::size_t most_metric_axes = 8;

const std::vector<SweptSetting>& sweep_of(ViewContext& context, const reports::TaskTable& table) {
  auto& shown = context.memory.sweep;
  const auto& snapshot = context.snapshot;
  if (shown.overview != snapshot.overview || shown.comparison != snapshot.comparison ||
      shown.task != table.task) {
    shown = {snapshot.overview, snapshot.comparison, table.task,
             swept_settings(*snapshot.overview, table)};
  }
  return shown.settings;
}

void explain(const reports::TaskTable& table, std::size_t row,
             const std::vector<SweptSetting>& settings, std::size_t metric) {
  const auto& arm = table.rows[row];
  ImGui::BeginTooltip();
  text_line(arm.model + " · " + arm.strategy);
  for (const auto& setting : settings) {
    if (!setting.texts[row].empty()) {
      text_line(fmt::format("{} = {}", setting.label, setting.texts[row]));
    }
  }
  text_line(table.columns[metric].name + " " +
            reports::format_cell(arm.cells[metric], table.columns[metric].decimals));
  ImGui::EndTooltip();
}

void open_samples(ViewContext& context, const reports::TaskTable& table, std::size_t row,
                  const std::string& metric) {
  choose_arm(table, row, metric, context.state);
  context.state.screen = Screen::samples;
}

ParallelAxis axis_of(const SweptSetting& setting) {
  ParallelAxis axis{setting.label, setting.numbers, {}};
  if (setting.numeric) return axis;
  for (const auto& text : setting.texts) {
    if (!text.empty() && std::ranges::find(axis.labels, text) == axis.labels.end()) {
      axis.labels.push_back(text);
    }
  }
  std::ranges::sort(axis.labels);
  for (std::size_t row = 0; row < setting.texts.size(); ++row) {
    const auto found = std::ranges::find(axis.labels, setting.texts[row]);
    axis.values[row] =
        found == axis.labels.end() ? no_value : static_cast<double>(found - axis.labels.begin());
  }
  return axis;
}

}  // namespace

void draw_along_setting(ViewContext& context, const reports::TaskTable& table) {
  auto& state = context.state;
  const auto& settings = sweep_of(context, table);
  std::vector<std::string> names;
  for (const auto& setting : settings) {
    if (setting.numeric) names.push_back(setting.name);
  }
  if (names.empty()) {
    say_empty(
        "No setting with numbers differs among these arms: a list of values in the config "
        "sweeps one.");
    return;
  }
  auto name =
      std::ranges::find(names, state.setting) != names.end() ? state.setting : names.front();
  if (choice(context, "setting", names, name, 14)) {
    state.setting = name;
    context.memory.explore = {};
  }
  const auto metric_name = chosen_metric(context.snapshot, state);
  const auto metric = column_of(table, metric_name);
  const auto along = static_cast<std::size_t>(
      std::ranges::find(settings, name, &SweptSetting::name) - settings.begin());
  const auto lines = sweep_lines(settings, along);
  std::vector<PlotSeries> series;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    PlotSeries one;
    one.name = lines[i].name;
    one.colour = series_colour(context.theme, i);
    one.marker = i;
    for (const auto row : lines[i].rows) {
      const auto& cell = table.rows[row].cells[metric];
      one.x.push_back(settings[along].numbers[row]);
      one.y.push_back(cell.value.value_or(no_value));
      one.low.push_back(cell.low.value_or(no_value));
      one.high.push_back(cell.high.value_or(no_value));
    }
    // A single value is no line.
    one.line = one.x.size() > 1;
    series.push_back(std::move(one));
  }
  ImGui::SameLine();
  ImGui::TextDisabled("bands: 95 %% intervals   click: samples   wheel: zoom");
  const auto answer = plot("along", ImGui::GetContentRegionAvail(), {settings[along].label, false},
                           {metric_name, false}, series, context.memory.explore, context.theme);
  mark(context, "along");
  if (!answer.hovered) return;
  const auto row = lines[answer.hovered->series].rows[answer.hovered->point];
  explain(table, row, settings, metric);
  if (answer.clicked) open_samples(context, table, row, metric_name);
}

void draw_parallel(ViewContext& context, const reports::TaskTable& table) {
  const auto& settings = sweep_of(context, table);
  const auto metric_name = chosen_metric(context.snapshot, context.state);
  const auto metric = column_of(table, metric_name);
  std::vector<ParallelAxis> axes;
  for (const auto& setting : settings) axes.push_back(axis_of(setting));
  const auto shown = std::min(table.columns.size(), most_metric_axes);
  for (std::size_t column = 0; column < table.columns.size(); ++column) {
    if (column >= shown && column != metric) continue;
    ParallelAxis axis{table.columns[column].name, {}, {}};
    for (const auto& row : table.rows)
      axis.values.push_back(row.cells[column].value.value_or(no_value));
    axes.push_back(std::move(axis));
  }
  std::vector<ImU32> colours;
  std::size_t brushed = 0;
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    const auto share = standing(table, row, metric);
    colours.push_back(
        share ? mixed(context.theme.warning, context.theme.accent, static_cast<float>(*share))
              : context.theme.faint);
    if (is_brushed(axes, context.memory.parallel, row)) ++brushed;
  }
  text_line(fmt::format("{} of {} arms", brushed, table.rows.size()));
  ImGui::SameLine();
  if (ImGui::SmallButton("clear brushes")) context.memory.parallel.brushes.clear();
  mark(context, "clear_brushes");
  ImGui::SameLine();
  ImGui::TextDisabled(
      "drag along an axis: brush   click it: end that   click a line: samples   "
      "blue is better in %s",
      metric_name.c_str());
  const auto answer = parallel_coordinates("parallel", ImGui::GetContentRegionAvail(), axes,
                                           colours, context.memory.parallel, context.theme);
  mark(context, "parallel");
  if (!answer.hovered) return;
  explain(table, *answer.hovered, settings, metric);
  if (answer.clicked) open_samples(context, table, *answer.hovered, metric_name);
}

}  // namespace trellis::gui
