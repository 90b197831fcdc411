/// Arms against metrics: every value with its interval, the best marked, and what a test tells from
/// the baseline. A click on a cell opens its samples.
#include <fmt/format.h>
#include <imgui.h>

#include <algorithm>

#include "gui/view_models/leaderboard.hpp"
#include "gui/view_models/selection.hpp"
#include "gui/views/views.hpp"

namespace trellis::gui {
namespace {

constexpr int first_metric = 5;  // after model, strategy, the plot of intervals, group and n
constexpr std::size_t most_columns = 58;  // ImGui 1.86 holds 64

std::string direction_of(const reports::MetricColumn& column) {
  if (!column.higher_is_better) return "";
  return *column.higher_is_better ? " ↑" : " ↓";
}

void explain(const reports::MetricColumn& column, const reports::Cell& cell) {
  ImGui::BeginTooltip();
  text_line(column.name + ": " + column.summary);
  if (cell.value) ImGui::Text("value %.*f", column.decimals + 2, *cell.value);
  if (cell.low && cell.high) {
    ImGui::Text("95 %% interval [%.*f, %.*f]", column.decimals + 1, *cell.low, column.decimals + 1,
                *cell.high);
  }
  ImGui::Text("n = %llu", static_cast<unsigned long long>(cell.n));
  if (cell.difference) {
    ImGui::Text("to the baseline %+.*f over %llu pairs", column.decimals + 1, *cell.difference,
                static_cast<unsigned long long>(cell.pairs));
  }
  if (cell.p_value) ImGui::Text("p = %.4f", *cell.p_value);
  if (cell.adjusted_p) {
    ImGui::SameLine();
    ImGui::Text("(%.4f after Holm's correction)", *cell.adjusted_p);
  }
  ImGui::TextDisabled("click: samples   Ctrl: side by side");
  ImGui::EndTooltip();
}

/// The interval of the chosen metric on the column's common scale.
void draw_interval(const reports::TaskTable& table, std::size_t row, std::size_t column,
                   const Theme& theme) {
  double low = 0;
  double high = 0;
  bool any = false;
  for (const auto& other : table.rows) {
    const auto& cell = other.cells[column];
    if (!cell.value) continue;
    const double from = cell.low.value_or(*cell.value);
    const double to = cell.high.value_or(*cell.value);
    low = any ? std::min(low, from) : from;
    high = any ? std::max(high, to) : to;
    any = true;
  }
  const auto& cell = table.rows[row].cells[column];
  const float em = ImGui::GetFontSize();
  const ImVec2 begin = ImGui::GetCursorScreenPos();
  const float width = ImGui::GetContentRegionAvail().x;
  ImGui::Dummy({width, ImGui::GetTextLineHeight()});
  if (!cell.value || !(high > low)) return;
  const float middle = begin.y + ImGui::GetTextLineHeight() / 2;
  const auto place = [&](double value) {
    return begin.x + em / 3 +
           static_cast<float>((value - low) / (high - low)) * (width - em * 2 / 3);
  };
  auto* list = ImGui::GetWindowDrawList();
  const auto colour = cell.best ? theme.good : theme.accent;
  if (cell.low && cell.high) {
    list->AddLine({place(*cell.low), middle}, {place(*cell.high), middle}, with_alpha(colour, 0.6F),
                  std::max(1.0F, em / 8));
  }
  list->AddCircleFilled({place(*cell.value), middle}, em / 4, colour, 16);
}

void choose(ViewContext& context, const reports::TaskTable& table, std::size_t row,
            const std::string& metric) {
  auto& state = context.state;
  if (ImGui::GetIO().KeyCtrl) {
    state.task = table.task;
    state.metric = metric;
    if (!table.rows[row].trials.empty()) toggle_trial(table.rows[row].trials.front(), state);
    return;
  }
  choose_arm(table, row, metric, state);
  state.screen = Screen::samples;
  context.memory.scroll_to_sample = true;
}

bool is_chosen(const ViewState& state, const reports::ArmRow& row) {
  return std::ranges::any_of(row.trials, [&](const auto& trial) {
    return std::ranges::find(state.trials, trial) != state.trials.end();
  });
}

void draw_cell(ViewContext& context, const reports::TaskTable& table, std::size_t row,
               std::size_t column, bool shaded) {
  const auto& cell = table.rows[row].cells[column];
  const auto& definition = table.columns[column];
  const auto& theme = context.theme;
  if (shaded) {
    if (const auto share = standing(table, row, column)) {
      const auto fill = with_alpha(cell.best ? theme.good : theme.accent,
                                   0.05F + 0.35F * static_cast<float>(*share));
      ImGui::TableSetBgColor(ImGuiTableBgTarget_CellBg, fill);
    }
  }
  ImGui::PushID(static_cast<int>(row * 64 + column));
  const auto cursor = ImGui::GetCursorPos();
  if (ImGui::Selectable("##cell", false, 0, {0, ImGui::GetTextLineHeight()})) {
    choose(context, table, row, definition.name);
  }
  const auto& arm = table.rows[row];
  mark(context, fmt::format("cell/{}/{}/{}", arm.model, arm.strategy, definition.name));
  if (ImGui::IsItemHovered()) explain(definition, cell);
  ImGui::SetCursorPos(cursor);
  text_right(reports::format_cell(cell, definition.decimals),
             cell.best && !shaded ? theme.good : theme.text);
  ImGui::PopID();
}

void draw_headers(ViewContext& context, const reports::TaskTable& table, std::size_t columns) {
  auto& state = context.state;
  ImGui::TableNextRow(ImGuiTableRowFlags_Headers);
  ImGui::TableSetColumnIndex(0);
  ImGui::TableHeader("model");
  ImGui::TableSetColumnIndex(1);
  ImGui::TableHeader("strategy");
  ImGui::TableSetColumnIndex(2);
  text_line("95 % interval", context.theme.faint);
  ImGui::TableSetColumnIndex(3);
  text_line("group", context.theme.faint);
  if (ImGui::IsItemHovered() && !table.columns.empty()) {
    ImGui::SetTooltip("Arms that share a letter do not differ in %s, as far as tests can tell",
                      table.columns.front().name.c_str());
  }
  ImGui::TableSetColumnIndex(4);
  text_right("n", context.theme.faint);
  for (std::size_t column = 0; column < columns; ++column) {
    ImGui::TableSetColumnIndex(first_metric + static_cast<int>(column));
    const auto& definition = table.columns[column];
    const bool sorted = state.sort == definition.name;
    const auto label = definition.name + direction_of(definition) +
                       (sorted ? (state.ascending ? " ▲" : " ▼") : "");
    const bool chosen = definition.name == chosen_metric(context.snapshot, state);
    ImGui::PushID(static_cast<int>(column));
    ImGui::PushStyleColor(ImGuiCol_Text, chosen ? context.theme.accent : context.theme.text);
    // Over its numbers, which stand at the right.
    ImGui::PushStyleVar(ImGuiStyleVar_SelectableTextAlign, {1, 0});
    const bool clicked = ImGui::Selectable(label.c_str());
    ImGui::PopStyleVar();
    if (clicked) {
      // The better end first, then the other, then the config's order.
      const bool better_first = !definition.higher_is_better.value_or(true);
      if (!sorted) {
        state.sort = definition.name;
        state.ascending = better_first;
      } else if (state.ascending == better_first) {
        state.ascending = !better_first;
      } else {
        state.sort.clear();
        state.ascending = false;
      }
      state.metric = definition.name;
    }
    ImGui::PopStyleColor();
    mark(context, fmt::format("column/{}", definition.name));
    if (ImGui::IsItemHovered() && !definition.summary.empty()) {
      ImGui::SetTooltip("%s", definition.summary.c_str());
    }
    ImGui::PopID();
  }
}

void draw_rows(ViewContext& context, const reports::TaskTable& table) {
  const auto columns = std::min(table.columns.size(), most_columns);
  const float em = ImGui::GetFontSize();
  const auto flags = ImGuiTableFlags_RowBg | ImGuiTableFlags_BordersInnerH |
                     ImGuiTableFlags_ScrollX | ImGuiTableFlags_ScrollY | ImGuiTableFlags_Resizable |
                     ImGuiTableFlags_Hideable | ImGuiTableFlags_SizingFixedFit |
                     ImGuiTableFlags_PadOuterX;
  if (!ImGui::BeginTable("arms", first_metric + static_cast<int>(columns), flags)) return;
  ImGui::TableSetupScrollFreeze(2, 1);
  ImGui::TableSetupColumn("model", 0, 8 * em);
  ImGui::TableSetupColumn("strategy", 0, 14 * em);
  ImGui::TableSetupColumn("interval", 0, 8.5F * em);
  const bool grouped =
      std::ranges::any_of(table.rows, [](const auto& row) { return !row.group.empty(); });
  ImGui::TableSetupColumn("group", grouped ? 0 : ImGuiTableColumnFlags_Disabled, 3 * em);
  ImGui::TableSetupColumn("n", 0, 2.5F * em);
  for (std::size_t column = 0; column < columns; ++column) {
    ImGui::TableSetupColumn(table.columns[column].name.c_str(), 0, 9 * em);
  }
  draw_headers(context, table, columns);
  const auto metric = column_of(table, chosen_metric(context.snapshot, context.state));
  for (const auto row : leaderboard_order(table, context.state)) {
    const auto& arm = table.rows[row];
    ImGui::TableNextRow();
    ImGui::TableSetColumnIndex(0);
    const auto name_colour =
        is_chosen(context.state, arm) ? context.theme.accent : context.theme.text;
    text_line(arm.model, name_colour);
    ImGui::TableSetColumnIndex(1);
    text_line(arm.strategy + (arm.baseline ? "  (baseline)" : ""), name_colour);
    if (const auto trouble = reports::format_state(arm); !trouble.empty()) {
      ImGui::SameLine();
      text_line(fmt::format("● {}", trouble),
                arm.failed ? context.theme.bad : context.theme.warning);
    }
    ImGui::TableSetColumnIndex(2);
    if (metric < table.columns.size()) draw_interval(table, row, metric, context.theme);
    ImGui::TableSetColumnIndex(3);
    text_line(arm.group);
    ImGui::TableSetColumnIndex(4);
    if (metric < table.columns.size()) {
      text_right(std::to_string(arm.cells[metric].n), context.theme.faint);
    }
    for (std::size_t column = 0; column < columns; ++column) {
      ImGui::TableSetColumnIndex(first_metric + static_cast<int>(column));
      draw_cell(context, table, row, column, column == metric);
    }
  }
  ImGui::EndTable();
}

void draw_pivot(ViewContext& context, const reports::TaskTable& table) {
  const auto pivot = pivot_of(table);
  const auto strategies = std::min(pivot.strategies.size(), most_columns);
  const auto metric = column_of(table, chosen_metric(context.snapshot, context.state));
  if (metric == table.columns.size()) return;
  const float em = ImGui::GetFontSize();
  const auto flags = ImGuiTableFlags_RowBg | ImGuiTableFlags_Borders | ImGuiTableFlags_ScrollX |
                     ImGuiTableFlags_ScrollY | ImGuiTableFlags_Resizable |
                     ImGuiTableFlags_SizingFixedFit;
  if (!ImGui::BeginTable("pivot", 1 + static_cast<int>(strategies), flags)) return;
  ImGui::TableSetupScrollFreeze(1, 1);
  ImGui::TableSetupColumn("model", 0, 9 * em);
  for (std::size_t i = 0; i < strategies; ++i) {
    ImGui::TableSetupColumn(pivot.strategies[i].c_str(), 0, 12 * em);
  }
  ImGui::TableHeadersRow();
  for (std::size_t model = 0; model < pivot.models.size(); ++model) {
    ImGui::TableNextRow();
    ImGui::TableSetColumnIndex(0);
    text_line(pivot.models[model]);
    for (std::size_t i = 0; i < strategies; ++i) {
      ImGui::TableSetColumnIndex(1 + static_cast<int>(i));
      const auto row = pivot.rows[model * pivot.strategies.size() + i];
      if (row) draw_cell(context, table, *row, metric, true);
    }
  }
  ImGui::EndTable();
}

void draw_pivot_controls(ViewContext& context, const reports::TaskTable& table) {
  auto& state = context.state;
  std::vector<std::string> arms;
  std::string baseline;
  for (const auto& row : table.rows) {
    arms.push_back(row.model + " × " + row.strategy);
    if (row.baseline) baseline = arms.back();
  }
  std::ranges::sort(arms);
  if (choice(context, "baseline", arms, baseline, 18)) state.baseline = baseline;
  ImGui::SameLine();
  ImGui::Checkbox("strategies as columns", &state.pivot);
  mark(context, "pivot");
  ImGui::SameLine();
  ImGui::TextDisabled(
      "green: best   ±: half of the 95 %% interval   *: differs from the baseline (paired test, "
      "Holm, p < 0.05)");
}

}  // namespace

void draw_leaderboard(ViewContext& context) {
  const auto* table = chosen_table(context.snapshot, context.state);
  if (table == nullptr || table->rows.empty()) {
    const bool empty = context.snapshot.overview && context.snapshot.overview->experiments.empty();
    say_empty(empty ? "No experiment yet. `trellis run CONFIG --db FILE` adds one; it appears here "
                      "while it runs."
                    : "Comparing …");
    return;
  }
  draw_pivot_controls(context, *table);
  if (context.state.pivot) {
    draw_pivot(context, *table);
  } else {
    draw_rows(context, *table);
  }
}

}  // namespace trellis::gui
