/// What all raters said so far: win rates with strengths, or mean scores, and how far they agree.
#include <fmt/format.h>
#include <imgui.h>

#include "gui/view_models/rating_items.hpp"
#include "gui/view_models/selection.hpp"
#include "gui/views/views.hpp"

namespace trellis::gui {
namespace {

constexpr auto table_flags = ImGuiTableFlags_RowBg | ImGuiTableFlags_BordersInnerH |
                             ImGuiTableFlags_ScrollX | ImGuiTableFlags_ScrollY |
                             ImGuiTableFlags_Resizable | ImGuiTableFlags_SizingFixedFit;
constexpr std::size_t most_trials = 50;  // a column each, of which ImGui 1.86 holds 64
constexpr double normal_95 = 1.96;       // standard errors to either side of a 95 % interval

std::string with_interval(const reports::RatedTrial& row, double scale, int decimals) {
  auto text = fmt::format("{:.{}f}", row.mean * scale, decimals);
  if (row.interval) {
    text +=
        fmt::format(" ± {:.{}f}", (row.interval->high - row.interval->low) / 2 * scale, decimals);
  }
  return text;
}

void draw_agreement(const metrics::Agreement& agreement, std::size_t raters, const char* scale) {
  const auto alpha = agreement.alpha ? fmt::format("{:.3f}", *agreement.alpha) : "undefined";
  ImGui::TextDisabled(
      "%zu rater%s   Krippendorff's alpha (%s) %s over %zu items that two or more "
      "rated",
      raters, raters == 1 ? "" : "s", scale, alpha.c_str(), agreement.items);
}

void draw_preferences(ViewContext& context, const reports::PreferenceTable& table) {
  const auto& overview = *context.snapshot.overview;
  const float em = ImGui::GetFontSize();
  const auto shown = std::min(table.trials.size(), most_trials);
  draw_agreement(table.agreement, table.raters, "nominal");
  if (!table.strengths) {
    ImGui::SameLine();
    ImGui::TextDisabled("  no strengths yet: some lost or won every time");
  }
  if (!ImGui::BeginTable("preferences", 4 + static_cast<int>(shown), table_flags)) return;
  ImGui::TableSetupScrollFreeze(1, 1);
  ImGui::TableSetupColumn("trial", 0, 16 * em);
  ImGui::TableSetupColumn("win rate, %", 0, 7 * em);
  ImGui::TableSetupColumn("strength", 0, 7 * em);
  ImGui::TableSetupColumn("n", 0, 3 * em);
  for (std::size_t i = 0; i < shown; ++i) {
    const auto name = fmt::format("against {}", i + 1);
    ImGui::TableSetupColumn(name.c_str(), 0, 8 * em);
  }
  ImGui::TableHeadersRow();
  for (std::size_t row = 0; row < table.trials.size(); ++row) {
    const auto& trial = table.trials[row];
    ImGui::TableNextRow();
    ImGui::TableNextColumn();
    text_line(fmt::format("{}  {}", row + 1, trial_name(overview, trial.trial)));
    ImGui::TableNextColumn();
    text_right(with_interval(trial, 100, 1), context.theme.text);
    ImGui::TableNextColumn();
    if (table.strengths) {
      const auto& strength = (*table.strengths)[row];
      text_right(
          fmt::format("{:+.2f} ± {:.2f}", strength.value, normal_95 * strength.standard_error),
          row == 0 ? context.theme.good : context.theme.text);
    } else {
      text_right("–", context.theme.faint);
    }
    ImGui::TableNextColumn();
    text_right(std::to_string(trial.n), context.theme.faint);
    for (std::size_t column = 0; column < shown; ++column) {
      ImGui::TableNextColumn();
      const auto& cell = table.against[row * table.trials.size() + column];
      if (cell.n == 0) continue;
      text_right(
          fmt::format("{:.0f} %  of {}", 100 * cell.wins / static_cast<double>(cell.n), cell.n),
          context.theme.text);
    }
  }
  ImGui::EndTable();
}

void draw_scores(ViewContext& context, const reports::ScoreTable& table) {
  const auto& overview = *context.snapshot.overview;
  const float em = ImGui::GetFontSize();
  draw_agreement(table.agreement, table.raters, "ordinal");
  if (!ImGui::BeginTable("scores", 3 + storage::best_score, table_flags)) return;
  ImGui::TableSetupScrollFreeze(1, 1);
  ImGui::TableSetupColumn("trial", 0, 16 * em);
  ImGui::TableSetupColumn("mean", 0, 7 * em);
  ImGui::TableSetupColumn("n", 0, 3 * em);
  for (int score = 1; score <= storage::best_score; ++score) {
    ImGui::TableSetupColumn(std::to_string(score).c_str(), 0, 3 * em);
  }
  ImGui::TableHeadersRow();
  for (std::size_t row = 0; row < table.trials.size(); ++row) {
    const auto& trial = table.trials[row];
    ImGui::TableNextRow();
    ImGui::TableNextColumn();
    text_line(trial_name(overview, trial.trial));
    ImGui::TableNextColumn();
    text_right(with_interval(trial, 1, 2), row == 0 ? context.theme.good : context.theme.text);
    ImGui::TableNextColumn();
    text_right(std::to_string(trial.n), context.theme.faint);
    for (const auto count : table.counts[row]) {
      ImGui::TableNextColumn();
      const auto share = static_cast<float>(count) / static_cast<float>(trial.n);
      ImGui::TableSetBgColor(ImGuiTableBgTarget_CellBg,
                             with_alpha(context.theme.accent, 0.5F * share));
      text_right(std::to_string(count), context.theme.text);
    }
  }
  ImGui::EndTable();
}

}  // namespace

void draw_rating_results(ViewContext& context) {
  const auto* results = context.snapshot.rating_results.get();
  ImGui::BeginChild("results", {0, 0}, true);
  if (results == nullptr || !context.snapshot.overview ||
      results->criterion != chosen_criterion(context.state)) {
    say_empty("Counting …");
  } else if (context.state.rating == RatingKind::pairs) {
    if (results->preferences.trials.empty()) {
      say_empty("Nobody has chosen between outputs of this task yet.");
    } else {
      draw_preferences(context, results->preferences);
    }
  } else if (results->scores.trials.empty()) {
    say_empty("Nobody has scored an output of this task yet.");
  } else {
    draw_scores(context, results->scores);
  }
  ImGui::EndChild();
}

}  // namespace trellis::gui
