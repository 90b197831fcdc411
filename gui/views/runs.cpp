/// Experiments and their trials: how far each is, how long it will take, what failed and why.
#include <fmt/format.h>
#include <imgui.h>
#include <imgui_stdlib.h>

#include <algorithm>
#include <map>

#include "gui/view_models/progress.hpp"
#include "gui/view_models/selection.hpp"
#include "gui/views/views.hpp"

namespace trellis::gui {
namespace {

constexpr auto table_flags = ImGuiTableFlags_RowBg | ImGuiTableFlags_BordersInnerH |
                             ImGuiTableFlags_Resizable | ImGuiTableFlags_ScrollY |
                             ImGuiTableFlags_PadOuterX;

/// "2026-03-04 05:06" of "2026-03-04T05:06:07.890Z"; other texts as they are.
std::string minute_of(std::string created) {
  constexpr std::size_t length = 16;
  if (created.size() < length || created[10] != 'T') return created;
  created.resize(length);
  created[10] = ' ';
  return created + " UTC";
}

void draw_experiments(ViewContext& context, const Overview& overview) {
  const float em = ImGui::GetFontSize();
  const float lines = static_cast<float>(std::min<std::size_t>(overview.experiments.size(), 5)) + 1;
  const float height = lines * (ImGui::GetTextLineHeight() + 2 * ImGui::GetStyle().CellPadding.y);
  if (!ImGui::BeginTable("experiments", 4, table_flags, {0, height + em / 4})) return;
  ImGui::TableSetupScrollFreeze(0, 1);
  ImGui::TableSetupColumn("experiment", ImGuiTableColumnFlags_WidthStretch, 2);
  ImGui::TableSetupColumn("created", ImGuiTableColumnFlags_WidthStretch, 1.5F);
  ImGui::TableSetupColumn("trials", ImGuiTableColumnFlags_WidthStretch, 2);
  ImGui::TableSetupColumn("failed", ImGuiTableColumnFlags_WidthFixed, 5 * em);
  ImGui::TableHeadersRow();
  for (const auto& row : overview.experiments) {
    ImGui::TableNextRow();
    ImGui::TableSetColumnIndex(0);
    ImGui::PushID(static_cast<int>(row.id));
    const auto cursor = ImGui::GetCursorPos();
    if (ImGui::Selectable("##row", row.name == overview.experiment.name,
                          ImGuiSelectableFlags_SpanAllColumns)) {
      const auto screen = context.state.screen;
      context.state = ViewState();
      context.state.screen = screen;
      context.state.experiment = row.name;
    }
    mark(context, fmt::format("experiment/{}", row.name));
    ImGui::SetCursorPos(cursor);
    text_line(row.name);
    ImGui::PopID();
    ImGui::TableSetColumnIndex(1);
    text_line(minute_of(row.created), context.theme.faint);
    ImGui::TableSetColumnIndex(2);
    const float share =
        row.trials == 0 ? 0 : static_cast<float>(row.trials_done) / static_cast<float>(row.trials);
    progress_bar(context, share, fmt::format("{} of {}", row.trials_done, row.trials));
    ImGui::TableSetColumnIndex(3);
    text_right(std::to_string(row.trials_failed),
               row.trials_failed > 0 ? context.theme.bad : context.theme.faint);
  }
  ImGui::EndTable();
}

ImU32 colour_of(const Theme& theme, storage::TrialStatus status) {
  switch (status) {
    case storage::TrialStatus::done:
      return theme.good;
    case storage::TrialStatus::failed:
      return theme.bad;
    case storage::TrialStatus::running:
      return theme.accent;
    default:
      return theme.faint;
  }
}

void draw_trial(ViewContext& context, const storage::TrialRow& trial,
                const std::vector<std::string>& tags) {
  auto& state = context.state;
  ImGui::TableNextRow();
  ImGui::TableSetColumnIndex(0);
  ImGui::PushID(trial.record.id.c_str());
  const auto cursor = ImGui::GetCursorPos();
  const bool chosen = std::ranges::find(state.trials, trial.record.id) != state.trials.end();
  if (ImGui::Selectable("##row", chosen, ImGuiSelectableFlags_SpanAllColumns)) {
    context.memory.runs_trial = trial.record.id;
    if (!ImGui::GetIO().KeyCtrl) state.trials.clear();
    toggle_trial(trial.record.id, state);
  }
  mark(context, fmt::format("trial/{}", trial.record.id));
  ImGui::SetCursorPos(cursor);
  text_line(fmt::format("● {}", storage::to_string(trial.status)),
            colour_of(context.theme, trial.status));
  ImGui::PopID();
  ImGui::TableSetColumnIndex(1);
  text_line(trial.task_label);
  ImGui::TableSetColumnIndex(2);
  text_line(trial.model_label);
  ImGui::TableSetColumnIndex(3);
  text_line(trial.record.strategy_label);
  ImGui::TableSetColumnIndex(4);
  text_right(std::to_string(trial.record.seed), context.theme.faint);
  ImGui::TableSetColumnIndex(5);
  const float share = trial.record.expected_samples == 0
                          ? 0
                          : static_cast<float>(trial.stored_samples) /
                                static_cast<float>(trial.record.expected_samples);
  progress_bar(context, share,
               fmt::format("{} of {}", trial.stored_samples, trial.record.expected_samples));
  ImGui::TableSetColumnIndex(7);
  text_line(fmt::format("{}", fmt::join(tags, ", ")), context.theme.accent);
  ImGui::TableSetColumnIndex(6);
  if (trial.totals.seconds > 0) {
    text_right(fmt::format("{:.0f}", static_cast<double>(trial.totals.delivered_tokens) /
                                         trial.totals.seconds),
               context.theme.text);
  }
}

void draw_trials(ViewContext& context, const Overview& overview, float height) {
  // Tags by trial, then the trials that the filter leaves.
  std::map<std::string, std::vector<std::string>> tags;
  if (context.snapshot.annotations) {
    for (const auto& tag : context.snapshot.annotations->tags) tags[tag.trial].push_back(tag.tag);
  }
  std::vector<const storage::TrialRow*> shown;
  for (const auto& trial : overview.trials) {
    const bool all = context.state.trial_filter.empty();
    if (all || passes(trial, tags[trial.record.id], context.state.trial_filter)) {
      shown.push_back(&trial);
    }
  }
  const float em = ImGui::GetFontSize();
  if (!ImGui::BeginTable("trials", 8, table_flags, {0, height})) return;
  ImGui::TableSetupScrollFreeze(0, 1);
  ImGui::TableSetupColumn("status", ImGuiTableColumnFlags_WidthFixed, 6 * em);
  ImGui::TableSetupColumn("task", ImGuiTableColumnFlags_WidthStretch, 1);
  ImGui::TableSetupColumn("model", ImGuiTableColumnFlags_WidthStretch, 1);
  ImGui::TableSetupColumn("strategy", ImGuiTableColumnFlags_WidthStretch, 2);
  ImGui::TableSetupColumn("seed", ImGuiTableColumnFlags_WidthFixed, 3 * em);
  ImGui::TableSetupColumn("samples", ImGuiTableColumnFlags_WidthStretch, 1.5F);
  ImGui::TableSetupColumn("tokens/s", ImGuiTableColumnFlags_WidthFixed, 5 * em);
  ImGui::TableSetupColumn("tags", ImGuiTableColumnFlags_WidthStretch, 1);
  ImGui::TableHeadersRow();
  ImGuiListClipper clipper;
  clipper.Begin(static_cast<int>(shown.size()));
  while (clipper.Step()) {
    for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i) {
      const auto& trial = *shown[static_cast<std::size_t>(i)];
      draw_trial(context, trial, tags[trial.record.id]);
    }
  }
  ImGui::EndTable();
}

void draw_failures(ViewContext& context, const Overview& overview) {
  for (const auto& failure : overview.failures) {
    const auto& record = failure.record;
    const auto who = record.trial_id   ? trial_name(overview, *record.trial_id)
                     : record.model_id ? fmt::format("model {}", record.model_id->substr(0, 8))
                                       : "experiment";
    text_line(fmt::format("{}  {}: {}: {}", failure.at, who, record.stage, record.message),
              context.theme.bad);
    if (record.signal) {
      ImGui::SameLine();
      text_line(fmt::format("(signal {})", *record.signal), context.theme.bad);
    }
    if (record.standard_error.empty()) continue;
    ImGui::PushFont(ImGui::GetIO().Fonts->Fonts[1]);
    text_wrapped(record.standard_error);
    ImGui::PopFont();
  }
  if (overview.failures.empty()) ImGui::TextDisabled("Nothing failed.");
}

void draw_facts(ViewContext& context, const Overview& overview) {
  if (!ImGui::BeginTabBar("facts")) return;
  const auto failures = fmt::format("failures ({})###failures", overview.failures.size());
  if (ImGui::BeginTabItem(failures.c_str())) {
    ImGui::BeginChild("text");
    draw_failures(context, overview);
    ImGui::EndChild();
    ImGui::EndTabItem();
  }
  if (context.snapshot.run && !context.snapshot.run->log.empty() && ImGui::BeginTabItem("log")) {
    ImGui::BeginChild("text");
    ImGui::PushFont(ImGui::GetIO().Fonts->Fonts[1]);
    text_wrapped(context.snapshot.run->log);
    ImGui::PopFont();
    if (ImGui::GetScrollY() >= ImGui::GetScrollMaxY()) ImGui::SetScrollHereY(1);
    ImGui::EndChild();
    ImGui::EndTabItem();
  }
  if (ImGui::BeginTabItem("config")) {
    ImGui::BeginChild("text");
    ImGui::PushFont(ImGui::GetIO().Fonts->Fonts[1]);
    text_wrapped(overview.experiment.config_text);
    ImGui::PopFont();
    ImGui::EndChild();
    ImGui::EndTabItem();
  }
  if (ImGui::BeginTabItem("environment")) {
    ImGui::BeginChild("text");
    const auto& environment = overview.experiment.environment;
    if (environment.is_object()) {
      for (const auto& [key, value] : environment.items()) {
        text_line(key, context.theme.faint);
        ImGui::SameLine(12 * ImGui::GetFontSize());
        text_line(value.is_string() ? value.get<std::string>() : storage_text(value));
      }
    }
    ImGui::EndChild();
    ImGui::EndTabItem();
  }
  ImGui::EndTabBar();
}

}  // namespace

void draw_runs(ViewContext& context) {
  if (!context.snapshot.overview) {
    say_empty("Reading …");
    return;
  }
  const auto& overview = *context.snapshot.overview;
  if (context.memory.composing.open) {
    draw_compose(context);
    return;
  }
  draw_experiments(context, overview);
  draw_run_controls(context, overview);
  draw_tags(context, overview);
  ImGui::SetNextItemWidth(20 * ImGui::GetFontSize());
  ImGui::InputTextWithHint("##trial_filter", "filter trials: words of their row",
                           &context.state.trial_filter);
  mark(context, "trial_filter");
  const float room = ImGui::GetContentRegionAvail().y;
  // What failed is read, what did not leaves its place to the trials.
  draw_trials(context, overview, room * (overview.failures.empty() ? 0.7F : 0.55F));
  draw_facts(context, overview);
}

}  // namespace trellis::gui
