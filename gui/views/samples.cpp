/// The samples of the chosen trials, paired by example: a filter, a list, and the chosen one in
/// full with what differs.
#include <fmt/format.h>
#include <imgui.h>
#include <imgui_stdlib.h>

#include <algorithm>
#include <cmath>

#include "gui/view_models/leaderboard.hpp"
#include "gui/view_models/sample_filter.hpp"
#include "gui/view_models/selection.hpp"
#include "gui/views/views.hpp"

namespace trellis::gui {
namespace {

/// A metric's value with as many decimals as all tables show.
std::string number(double value, int decimals) {
  return std::isnan(value) ? "–" : fmt::format("{:.{}f}", value, decimals);
}

int decimals_of(const ViewContext& context, const std::string& metric) {
  const auto* table = chosen_table(context.snapshot, context.state);
  const auto column = table == nullptr ? 0 : column_of(*table, metric);
  constexpr int unknown = 4;
  return table != nullptr && column < table->columns.size() ? table->columns[column].decimals
                                                            : unknown;
}

void draw_filter(ViewContext& context, const SampleOrder& order) {
  auto& state = context.state;
  const float em = ImGui::GetFontSize();
  ImGui::SetNextItemWidth(-26 * em);
  if (context.memory.focus_filter) {
    ImGui::SetKeyboardFocusHere();
    context.memory.focus_filter = false;
  }
  ImGui::InputTextWithHint("##filter",
                           "filter: words, \"phrases\", /regex/, source:…, bleu<10, difference>0, "
                           "length>20, different, AND OR NOT ( )",
                           &state.filter);
  mark(context, "filter");
  ImGui::SameLine();
  ImGui::TextDisabled("%zu of %zu", order.rows.size(), order.samples->rows.size());
  ImGui::SameLine();
  static const std::vector<std::string> sorts = {"example", "value", "difference", "length"};
  auto chosen = sorts[static_cast<std::size_t>(state.sample_sort)];
  if (choice(context, "##sort", sorts, chosen, 8)) {
    const auto place = std::ranges::find(sorts, chosen) - sorts.begin();
    state.sample_sort = static_cast<SampleSort>(place);
  }
  ImGui::SameLine();
  if (ImGui::Button(state.sample_descending ? "▼ falling" : "▲ rising")) {
    state.sample_descending = !state.sample_descending;
  }
  mark(context, "descending");
  if (!order.problem.empty()) text_line(order.problem, context.theme.bad);
}

bool is_current(const ViewState& state, const PairedSamples& samples, const PairedRow& row) {
  return samples.examples[row.example].example_index == state.example &&
         row.sample_index == state.sample;
}

void choose(ViewState& state, const PairedSamples& samples, const PairedRow& row) {
  state.example = samples.examples[row.example].example_index;
  state.sample = row.sample_index;
  state.token = 0;
}

void draw_row(ViewContext& context, const PairedSamples& samples, const PairedRow& row,
              const std::string& metric, int decimals) {
  auto& state = context.state;
  const auto& example = samples.examples[row.example];
  ImGui::TableNextRow();
  ImGui::TableSetColumnIndex(0);
  const auto label = row.sample_index == 0
                         ? std::to_string(example.example_index)
                         : fmt::format("{}.{}", example.example_index, row.sample_index);
  if (ImGui::Selectable(
          label.c_str(), is_current(state, samples, row),
          ImGuiSelectableFlags_SpanAllColumns | ImGuiSelectableFlags_AllowDoubleClick)) {
    choose(state, samples, row);
    if (ImGui::IsMouseDoubleClicked(ImGuiMouseButton_Left)) state.screen = Screen::tokens;
  }
  mark(context, fmt::format("row/{}", label));
  ImGui::TableSetColumnIndex(1);
  text_line(beginning_of(example.source.empty() ? example.prefix : example.source),
            context.theme.faint);
  int column = 2;
  for (std::size_t i = 0; i < samples.trials.size(); ++i) {
    ImGui::TableSetColumnIndex(column++);
    text_right(number(metric_of(samples, row, i, metric), decimals), context.theme.text);
    ImGui::TableSetColumnIndex(column++);
    if (row.rows[i] == no_sample) {
      ImGui::TextDisabled("not there");
    } else {
      text_line(
          beginning_of(samples.trials[i]->rows[static_cast<std::size_t>(row.rows[i])].output));
    }
  }
  if (samples.trials.size() > 1) {
    ImGui::TableSetColumnIndex(column);
    const double difference = difference_of(samples, row, metric);
    const auto colour = std::isnan(difference) || difference == 0 ? context.theme.faint
                        : difference > 0                          ? context.theme.accent
                                                                  : context.theme.warning;
    text_right(std::isnan(difference) ? "–"
               : difference == 0      ? "0"
                                      : fmt::format("{:+.{}f}", difference, decimals),
               colour);
  }
}

void draw_list(ViewContext& context, const SampleOrder& order, const std::string& metric,
               float height) {
  const auto& samples = *order.samples;
  const float em = ImGui::GetFontSize();
  const int columns =
      2 + 2 * static_cast<int>(samples.trials.size()) + (samples.trials.size() > 1 ? 1 : 0);
  const auto flags = ImGuiTableFlags_RowBg | ImGuiTableFlags_ScrollY | ImGuiTableFlags_Resizable |
                     ImGuiTableFlags_BordersInnerV | ImGuiTableFlags_PadOuterX;
  if (!ImGui::BeginTable("samples", columns, flags, {0, height})) return;
  ImGui::TableSetupScrollFreeze(1, 1);
  ImGui::TableSetupColumn("example", ImGuiTableColumnFlags_WidthFixed, 4 * em);
  ImGui::TableSetupColumn("source", ImGuiTableColumnFlags_WidthStretch, 1);
  for (const auto& trial : samples.trials) {
    ImGui::TableSetupColumn(metric.c_str(), ImGuiTableColumnFlags_WidthFixed, 4 * em);
    const auto name = context.snapshot.overview
                          ? trial_name(*context.snapshot.overview, trial->trial)
                          : trial->trial;
    ImGui::TableSetupColumn(name.c_str(), ImGuiTableColumnFlags_WidthStretch, 1.2F);
  }
  if (samples.trials.size() > 1) {
    ImGui::TableSetupColumn("2 − 1", ImGuiTableColumnFlags_WidthFixed, 4.5F * em);
  }
  ImGui::TableHeadersRow();
  const int decimals = decimals_of(context, metric);
  ImGuiListClipper clipper;
  clipper.Begin(static_cast<int>(order.rows.size()));
  int chosen = -1;
  if (context.memory.scroll_to_sample) {
    context.memory.scroll_to_sample = false;
    for (std::size_t i = 0; i < order.rows.size(); ++i) {
      if (is_current(context.state, samples, samples.rows[order.rows[i]]))
        chosen = static_cast<int>(i);
    }
  }
  while (clipper.Step()) {
    for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i) {
      ImGui::PushID(i);
      draw_row(context, samples, samples.rows[order.rows[static_cast<std::size_t>(i)]], metric,
               decimals);
      ImGui::PopID();
    }
  }
  if (chosen >= 0) {
    const float line = ImGui::GetTextLineHeight() + 2 * ImGui::GetStyle().CellPadding.y;
    const float at = line * static_cast<float>(chosen);
    if (at < ImGui::GetScrollY() || at > ImGui::GetScrollY() + height - 3 * line) {
      ImGui::SetScrollY(std::max(0.0F, at - height / 2));
    }
  }
  ImGui::EndTable();
}

/// Up and down through the filtered list.
void step(ViewContext& context, const SampleOrder& order) {
  const auto& io = ImGui::GetIO();
  if (io.WantTextInput || order.rows.empty()) return;
  const int direction = (ImGui::IsKeyPressed(ImGui::GetKeyIndex(ImGuiKey_DownArrow)) ? 1 : 0) -
                        (ImGui::IsKeyPressed(ImGui::GetKeyIndex(ImGuiKey_UpArrow)) ? 1 : 0);
  if (direction == 0) return;
  const auto& samples = *order.samples;
  std::ptrdiff_t at = direction > 0 ? -1 : static_cast<std::ptrdiff_t>(order.rows.size());
  for (std::size_t i = 0; i < order.rows.size(); ++i) {
    if (is_current(context.state, samples, samples.rows[order.rows[i]])) {
      at = static_cast<std::ptrdiff_t>(i);
    }
  }
  at = std::clamp<std::ptrdiff_t>(at + direction, 0,
                                  static_cast<std::ptrdiff_t>(order.rows.size()) - 1);
  choose(context.state, samples, samples.rows[order.rows[static_cast<std::size_t>(at)]]);
  context.memory.scroll_to_sample = true;
}

void draw_output(ViewContext& context, const PairedSamples& samples, const PairedRow& row,
                 std::size_t trial, const std::string& against, const std::string& metric) {
  const auto& list = *samples.trials[trial];
  const auto name = trial_name(*context.snapshot.overview, list.trial);
  text_line(
      fmt::format("{}   {} {}", name, metric,
                  number(metric_of(samples, row, trial, metric), decimals_of(context, metric))),
      series_colour(context.theme, trial));
  if (row.rows[trial] == no_sample) {
    ImGui::TextDisabled("no sample stored");
    return;
  }
  const auto& sample = list.rows[static_cast<std::size_t>(row.rows[trial])];
  ImGui::SameLine();
  ImGui::TextDisabled("%llu tokens, %s", static_cast<unsigned long long>(sample.token_count),
                      sample.finish.c_str());
  ImGui::SameLine();
  ImGui::PushID(static_cast<int>(trial));
  if (ImGui::SmallButton("tokens →")) {
    context.state.screen = Screen::tokens;
    context.state.arm = trial;
  }
  mark(context, fmt::format("tokens/{}", trial));
  ImGui::PopID();
  auto& shown = context.memory.differences[trial];
  if (shown.pieces.empty() || shown.first != against || shown.second != sample.output) {
    shown = {against, sample.output, {}};
    shown.pieces = difference(shown.first, shown.second);
  }
  draw_difference(shown.pieces, context.theme);
}

void draw_chosen(ViewContext& context, const PairedSamples& samples, const std::string& metric) {
  const auto& state = context.state;
  const auto found = std::ranges::lower_bound(
      samples.rows, std::pair(state.example, state.sample), {}, [&](const PairedRow& row) {
        return std::pair(samples.examples[row.example].example_index,
                         std::uint64_t{row.sample_index});
      });
  ImGui::BeginChild("chosen", {0, 0}, true);
  if (found == samples.rows.end() || !is_current(state, samples, *found)) {
    say_empty("Choose a sample above, with the mouse or the arrow keys.");
  } else {
    const auto& example = samples.examples[found->example];
    text_line("source", context.theme.faint);
    text_wrapped(example.source + (example.prefix.empty() ? "" : "\n" + example.prefix));
    const auto reference = example.references.empty() ? "" : example.references.front();
    if (!example.references.empty()) {
      text_line("reference", context.theme.faint);
      for (const auto& text : example.references) text_wrapped(text);
    }
    ImGui::Separator();
    for (std::size_t i = 0; i < samples.trials.size(); ++i) {
      std::string against = reference;
      if (against.empty() && i > 0 && found->rows[0] != no_sample) {
        against = samples.trials[0]->rows[static_cast<std::size_t>(found->rows[0])].output;
      } else if (against.empty() && found->rows[i] != no_sample) {
        against = samples.trials[i]->rows[static_cast<std::size_t>(found->rows[i])].output;
      }
      draw_output(context, samples, *found, i, against, metric);
    }
    ImGui::TextDisabled(reference.empty() ? "marked: not in the first output"
                                          : "marked: not in the reference");
  }
  ImGui::EndChild();
}

}  // namespace

void draw_samples(ViewContext& context) {
  const auto& snapshot = context.snapshot;
  if (context.state.trials.empty()) {
    say_empty("Click a cell of the leaderboard: its samples are shown here beside the baseline's.");
    return;
  }
  if (!snapshot.overview || !snapshot.order || snapshot.order->samples->trials.empty()) {
    say_empty("Reading samples …");
    return;
  }
  const auto& order = *snapshot.order;
  const auto metric = chosen_metric(snapshot, context.state);
  draw_filter(context, order);
  step(context, order);
  const float room = ImGui::GetContentRegionAvail().y;
  draw_list(context, order, metric, room * 0.52F);
  draw_chosen(context, *order.samples, metric);
}

}  // namespace trellis::gui
