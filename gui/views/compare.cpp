/// The chosen trials side by side: settings that differ, metrics, and who wins on which samples.
#include <fmt/format.h>
#include <imgui.h>

#include <algorithm>

#include "gui/view_models/comparison.hpp"
#include "gui/view_models/leaderboard.hpp"
#include "gui/view_models/selection.hpp"
#include "gui/views/views.hpp"

namespace trellis::gui {
namespace {

constexpr auto table_flags = ImGuiTableFlags_RowBg | ImGuiTableFlags_BordersInnerH |
                             ImGuiTableFlags_Resizable | ImGuiTableFlags_SizingFixedFit |
                             ImGuiTableFlags_PadOuterX;

void headers(ViewContext& context, const char* first, const std::vector<std::string>& trials) {
  const float em = ImGui::GetFontSize();
  ImGui::TableSetupColumn(first, 0, 19 * em);
  for (const auto& trial : trials) {
    ImGui::TableSetupColumn(trial_name(*context.snapshot.overview, trial).c_str(), 0, 18 * em);
  }
  ImGui::TableHeadersRow();
}

void draw_settings(ViewContext& context, const std::vector<std::string>& trials) {
  const auto rows = differing_settings(*context.snapshot.overview, trials);
  text_line("Settings that differ", context.theme.accent);
  if (!ImGui::BeginTable("settings", 1 + static_cast<int>(trials.size()), table_flags)) return;
  headers(context, "setting", trials);
  for (const auto& row : rows) {
    ImGui::TableNextRow();
    ImGui::TableSetColumnIndex(0);
    text_line(row.name, context.theme.faint);
    for (std::size_t i = 0; i < row.values.size(); ++i) {
      ImGui::TableSetColumnIndex(1 + static_cast<int>(i));
      text_line(row.values[i].empty() ? "–" : row.values[i]);
    }
  }
  ImGui::EndTable();
}

void draw_metrics(ViewContext& context, const std::vector<std::string>& trials) {
  const auto* table = chosen_table(context.snapshot, context.state);
  if (table == nullptr) return;
  text_line("Metrics, and differences to the baseline", context.theme.accent);
  if (!ImGui::BeginTable("metrics", 1 + static_cast<int>(trials.size()), table_flags)) return;
  headers(context, "metric", trials);
  for (std::size_t column = 0; column < table->columns.size(); ++column) {
    const auto& definition = table->columns[column];
    ImGui::TableNextRow();
    ImGui::TableSetColumnIndex(0);
    text_line(definition.name, context.theme.faint);
    for (std::size_t i = 0; i < trials.size(); ++i) {
      ImGui::TableSetColumnIndex(1 + static_cast<int>(i));
      const auto row = std::ranges::find_if(table->rows, [&](const auto& arm) {
        return std::ranges::find(arm.trials, trials[i]) != arm.trials.end();
      });
      if (row == table->rows.end()) continue;
      const auto& cell = row->cells[column];
      auto text = reports::format_cell(cell, definition.decimals);
      if (cell.difference && cell.p_value) {
        text += fmt::format("  ({:+.{}f}, p = {:.3f})", *cell.difference, definition.decimals,
                            cell.adjusted_p.value_or(*cell.p_value));
      }
      text_line(text, cell.best ? context.theme.good : context.theme.text);
    }
  }
  ImGui::EndTable();
}

/// A count that opens the samples it counts.
void open_samples(ViewContext& context, const char* name, std::size_t count, std::size_t trial,
                  const std::string& filter) {
  auto& state = context.state;
  ImGui::PushID(name);
  ImGui::PushID(static_cast<int>(trial));
  if (ImGui::SmallButton(fmt::format("{} {}", count, name).c_str())) {
    // The first trial stays the one compared with; the filter speaks of the second.
    std::vector<std::string> pair = {state.trials.front(), state.trials[trial]};
    state.trials = std::move(pair);
    state.filter = filter;
    state.arm = 0;
    state.screen = Screen::samples;
  }
  mark(context, fmt::format("{}/{}", name, trial));
  ImGui::PopID();
  ImGui::PopID();
}

void draw_wins(ViewContext& context, const PairedSamples& samples) {
  const auto metric = chosen_metric(context.snapshot, context.state);
  const auto* table = chosen_table(context.snapshot, context.state);
  bool higher = true;
  if (table != nullptr && column_of(*table, metric) < table->columns.size()) {
    higher = table->columns[column_of(*table, metric)].higher_is_better.value_or(true);
  }
  text_line(fmt::format("Sample by sample in {}, against the first", metric), context.theme.accent);
  const auto count = samples.trials.size();
  for (std::size_t i = 1; i < count; ++i) {
    const auto trial = samples.trials[i]->trial;
    const auto wins = wins_of(samples, i, metric, higher);
    text_line(trial_name(*context.snapshot.overview, trial), series_colour(context.theme, i));
    ImGui::SameLine(22 * ImGui::GetFontSize());
    open_samples(context, "wins", wins.wins, i, higher ? "difference>0" : "difference<0");
    ImGui::SameLine();
    open_samples(context, "ties", wins.ties, i, "difference=0");
    ImGui::SameLine();
    open_samples(context, "losses", wins.losses, i, higher ? "difference<0" : "difference>0");
    if (context.state.trials.size() != count) return;  // another selection from here on
  }
}

}  // namespace

void draw_compare(ViewContext& context) {
  const auto& snapshot = context.snapshot;
  if (context.state.trials.size() < 2) {
    say_empty("Choose two to four trials: Ctrl and a click on cells of the leaderboard.");
    return;
  }
  if (!snapshot.overview || !snapshot.samples || snapshot.samples->wanted != context.state.trials) {
    say_empty("Reading …");
    return;
  }
  ImGui::BeginChild("compare", {0, 0}, false, ImGuiWindowFlags_HorizontalScrollbar);
  ImGui::TextDisabled("Differences are to the leaderboard's baseline; a count opens its samples.");
  const auto trials = context.state.trials;
  draw_wins(context, *snapshot.samples);
  ImGui::Spacing();
  draw_metrics(context, trials);
  ImGui::Spacing();
  draw_settings(context, trials);
  ImGui::EndChild();
}

}  // namespace trellis::gui
