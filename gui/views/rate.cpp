/// Blind rating: which of two outputs is better, or how good one is, by keys.
#include <fmt/format.h>
#include <imgui.h>
#include <imgui_stdlib.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>

#include "gui/view_models/rating_items.hpp"
#include "gui/view_models/selection.hpp"
#include "gui/views/views.hpp"

namespace trellis::gui {
namespace {

constexpr std::array<const char*, 2> kind_names = {"A or B", "1 to 5"};
constexpr std::array<const char*, storage::best_score> score_names = {
    "1 useless", "2 poor", "3 fair", "4 good", "5 perfect"};

void draw_rating_controls(ViewContext& context) {
  auto& state = context.state;
  auto& memory = context.memory;
  const float em = ImGui::GetFontSize();
  std::string kind = kind_names[static_cast<std::size_t>(state.rating)];
  if (choice(context, "##kind", {kind_names.begin(), kind_names.end()}, kind, 6)) {
    state.rating = kind == kind_names[0] ? RatingKind::pairs : RatingKind::scores;
  }
  ImGui::SameLine();
  ImGui::TextDisabled("by");
  ImGui::SameLine();
  ImGui::SetNextItemWidth(8 * em);
  ImGui::InputTextWithHint("##criterion", "overall", &state.criterion);
  mark(context, "criterion");
  ImGui::SameLine();
  ImGui::TextDisabled("rater");
  ImGui::SameLine();
  ImGui::SetNextItemWidth(8 * em);
  ImGui::InputTextWithHint("##rater", "your name", &memory.rater);
  mark(context, "rater");
  ImGui::SameLine();
  ImGui::Checkbox("results", &state.results);
  mark(context, "results");
}

bool is_chosen(const ViewState& state, const RatingItems& items, const RatingItem& item) {
  const bool pair = items.kind == RatingKind::pairs;
  return item.first == state.arm && (!pair || item.second == state.other) &&
         example_of(items, item) == state.example && sample_of(items, item) == state.sample;
}

void choose(ViewContext& context, const RatingItems& items, std::size_t place) {
  auto& state = context.state;
  const auto& item = items.items[place];
  state.example = example_of(items, item);
  state.sample = sample_of(items, item);
  state.arm = item.first;
  state.other = item.second;
  state.token = 0;
  context.memory.rating_place = place;
  context.memory.rating_names = false;
}

/// Where the chosen item is; where there is none, the first that is not rated is chosen.
std::size_t chosen_place(ViewContext& context, const RatingItems& items) {
  auto& place = context.memory.rating_place;
  if (place < items.items.size() && is_chosen(context.state, items, items.items[place])) {
    return place;
  }
  const auto found = std::ranges::find_if(
      items.items, [&](const auto& item) { return is_chosen(context.state, items, item); });
  if (found != items.items.end()) {
    place = static_cast<std::size_t>(found - items.items.begin());
  } else {
    choose(context, items, next_unrated(items, std::nullopt).value_or(0));
    context.memory.settling = true;
  }
  return place;
}

/// `said` as RatingItem has it.
void say(ViewContext& context, const RatingItems& items, std::size_t place, int said) {
  if (context.memory.rater.empty()) return;
  context.memory.said.push_back(annotation_of(items, items.items[place], context.memory.rater,
                                              chosen_criterion(context.state), said));
  if (said == 0) return;
  if (const auto next = next_unrated(items, place); next && *next != place) {
    choose(context, items, *next);
  }
}

/// What was typed as an answer: a score, or 1 for A, 2 for a tie, 3 for B.
int typed_answer(RatingKind kind) {
  const auto& io = ImGui::GetIO();
  const auto pressed = [](ImGuiKey key) {
    return ImGui::IsKeyPressed(ImGui::GetKeyIndex(key), false);
  };
  if (kind == RatingKind::pairs && pressed(ImGuiKey_LeftArrow)) return 1;
  if (kind == RatingKind::pairs && pressed(ImGuiKey_RightArrow)) return 3;
  for (const auto character : io.InputQueueCharacters) {
    if (kind == RatingKind::scores) {
      if (character >= '1' && character < '1' + storage::best_score) return character - '0';
      continue;
    }
    const std::string_view keys = "aAtTbB";
    const auto at = character < 128 ? keys.find(static_cast<char>(character)) : keys.npos;
    if (at != keys.npos) return 1 + static_cast<int>(at / 2);
  }
  return 0;
}

void take_keys(ViewContext& context, const RatingItems& items, std::size_t place, bool swapped) {
  const auto& io = ImGui::GetIO();
  if (io.WantTextInput || io.KeyCtrl || io.KeyAlt) return;
  const auto pressed = [](ImGuiKey key) { return ImGui::IsKeyPressed(ImGui::GetKeyIndex(key)); };
  if (pressed(ImGuiKey_DownArrow)) choose(context, items, (place + 1) % items.items.size());
  if (pressed(ImGuiKey_UpArrow)) {
    choose(context, items, (place + items.items.size() - 1) % items.items.size());
  }
  for (const auto character : io.InputQueueCharacters) {
    if (character == 'n' || character == 'N') {
      context.memory.rating_names = !context.memory.rating_names;
    }
  }
  if (pressed(ImGuiKey_Backspace)) say(context, items, place, 0);
  if (const int answer = typed_answer(items.kind); answer != 0) {
    say(context, items, place, items.kind == RatingKind::pairs && swapped ? 4 - answer : answer);
  }
}

void draw_progress(ViewContext& context, const RatingItems& items, std::size_t place) {
  const auto total = items.items.size();
  const float share = static_cast<float>(items.rated) / static_cast<float>(total);
  progress_bar(context, share, fmt::format("{} of {} rated", items.rated, total),
               12 * ImGui::GetFontSize());
  ImGui::SameLine();
  ImGui::Checkbox("reference", &context.memory.rating_reference);
  ImGui::SameLine();
  ImGui::Checkbox("names (N)", &context.memory.rating_names);
  mark(context, "names");
  ImGui::SameLine();
  auto text = fmt::format("item {}", place + 1);
  if (items.identical > 0) {
    text += fmt::format(", {} pairs with equal outputs are not asked", items.identical);
  }
  ImGui::TextDisabled("%s   ↑ ↓ look   Backspace takes back", text.c_str());
  if (context.memory.rater.empty()) {
    text_line("Who rates? Write a name above.", context.theme.warning);
  } else if (!context.snapshot.annotation_problem.empty()) {
    text_line(fmt::format("not stored: {}", context.snapshot.annotation_problem),
              context.theme.bad);
  } else if (items.rated == total) {
    text_line("All are rated. What is said now replaces what was said before.", context.theme.good);
  }
}

void draw_question(ViewContext& context, const PairedSamples& samples, const RatingItem& item,
                   float height) {
  const auto& example = samples.examples[samples.rows[item.row].example];
  ImGui::BeginChild("question", {0, height}, true);
  if (!example.source.empty()) {
    text_line("source", context.theme.faint);
    text_wrapped(example.source);
  }
  if (!example.prefix.empty()) {
    text_line("prefix", context.theme.faint);
    text_wrapped(example.prefix);
  }
  if (context.memory.rating_reference && !example.references.empty()) {
    text_line("reference", context.theme.faint);
    for (const auto& reference : example.references) text_wrapped(reference);
  }
  ImGui::EndChild();
}

/// One output; `against` is what its words are compared with.
void draw_output(ViewContext& context, const RatingItems& items, const char* title,
                 std::size_t trial, const std::string& output, const std::string& against,
                 ImVec2 size) {
  ImGui::BeginChild(title, size, true);
  auto name = std::string(title);
  if (context.memory.rating_names && context.snapshot.overview) {
    name += fmt::format("   {}", trial_name(*context.snapshot.overview, trial_of(items, trial)));
  }
  text_line(name, context.theme.accent);
  auto& shown = context.memory.differences[title[0] == 'B' ? 1 : 0];
  if (shown.pieces.empty() || shown.first != against || shown.second != output) {
    shown = {against, output, {}};
    shown.pieces = difference(shown.first, shown.second);
  }
  draw_difference(shown.pieces, context.theme);
  ImGui::EndChild();
}

/// A row of buttons; what was pressed, counted from 1, or 0.
int draw_buttons(ViewContext& context, std::span<const char* const> labels, int said) {
  const auto& style = ImGui::GetStyle();
  const auto count = static_cast<float>(labels.size());
  const float width =
      (ImGui::GetContentRegionAvail().x - style.ItemSpacing.x * (count - 1)) / count;
  int pressed = 0;
  ImGui::BeginDisabled(context.memory.rater.empty());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (i > 0) ImGui::SameLine();
    const bool chosen = said == static_cast<int>(i) + 1;
    if (chosen) {
      ImGui::PushStyleColor(ImGuiCol_Button, with_alpha(context.theme.accent, 0.55F));
    }
    if (ImGui::Button(labels[i], {width, 2 * ImGui::GetFontSize()})) {
      pressed = static_cast<int>(i) + 1;
    }
    if (chosen) ImGui::PopStyleColor();
    mark(context, fmt::format("answer/{}", i + 1));
  }
  ImGui::EndDisabled();
  return pressed;
}

void draw_item(ViewContext& context, const RatingItems& items, std::size_t place, float height) {
  const auto item = items.items[place];
  const bool pair = items.kind == RatingKind::pairs;
  const bool swapped = pair && sides_swapped(items, item, context.memory.rater);
  const auto a = swapped ? item.second : item.first;
  const auto b = swapped ? item.first : item.second;
  const auto& style = ImGui::GetStyle();
  const float buttons = 2 * ImGui::GetFontSize() + 3 * style.ItemSpacing.y;
  draw_question(context, *items.order->samples, item, (height - buttons) * 0.42F);
  const float outputs = (height - buttons) * 0.58F;
  const auto& first = output_of(items, item, a);
  const auto& second = output_of(items, item, b);
  int answer = 0;
  if (pair) {
    const float width = (ImGui::GetContentRegionAvail().x - style.ItemSpacing.x) / 2;
    draw_output(context, items, "A", a, first, second, {width, outputs});
    ImGui::SameLine();
    draw_output(context, items, "B", b, second, first, {0, outputs});
    static constexpr std::array<const char*, 3> labels = {"A is better (A)", "tie (T)",
                                                          "B is better (B)"};
    answer = draw_buttons(context, labels, swapped && item.said > 0 ? 4 - item.said : item.said);
  } else {
    draw_output(context, items, "output", a, first, first, {0, outputs});
    answer = draw_buttons(context, score_names, item.said);
  }
  if (answer != 0) {
    say(context, items, place, swapped ? 4 - answer : answer);
  } else {
    take_keys(context, items, place, swapped);
  }
}

}  // namespace

void draw_rate(ViewContext& context) {
  const auto& snapshot = context.snapshot;
  const auto& state = context.state;
  draw_rating_controls(context);
  const float room = ImGui::GetContentRegionAvail().y;
  const float rating_room = state.results ? room * 0.65F : room;
  const std::size_t needed = state.rating == RatingKind::pairs ? 2 : 1;
  const auto* items = snapshot.rating.get();
  ImGui::BeginChild("rating", {0, rating_room});
  if (state.trials.size() < needed) {
    say_empty(needed == 2
                  ? "Choose two to four trials to compare: Ctrl and a click on cells of the "
                    "leaderboard."
                  : "Choose the trials to rate: Ctrl and a click on cells of the "
                    "leaderboard.");
  } else if (items == nullptr || items->order != snapshot.order || items->kind != state.rating) {
    say_empty("Reading samples …");
  } else if (items->items.empty()) {
    say_empty(items->identical > 0 ? "All outputs of these trials are equal."
                                   : "There is no sample that the filter leaves.");
  } else {
    const auto place = chosen_place(context, *items);
    draw_progress(context, *items, place);
    draw_item(context, *items, place, ImGui::GetContentRegionAvail().y);
  }
  ImGui::EndChild();
  if (state.results) draw_rating_results(context);
}

}  // namespace trellis::gui
