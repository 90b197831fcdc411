/// One sample under each chosen trial, token by token: colours, alternatives, the chain rule, and
/// where the texts part.
#include <fmt/format.h>
#include <imgui.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "gui/view_models/search_columns.hpp"
#include "gui/view_models/selection.hpp"
#include "gui/view_models/token_branches.hpp"
#include "gui/view_models/tokens.hpp"
#include "gui/views/views.hpp"
#include "gui/widgets/search_lattice.hpp"
#include "gui/widgets/token_strip.hpp"
#include "gui/widgets/token_tree.hpp"

namespace trellis::gui {
namespace {

const std::vector<std::string> colour_names = {"probability", "surprisal", "entropy", "rank"};

const storage::SampleRecord* chosen_sample(const ViewContext& context) {
  const auto& tokens = context.snapshot.tokens;
  if (!tokens || context.state.arm >= tokens->samples.size()) return nullptr;
  const auto& sample = tokens->samples[context.state.arm];
  return sample ? &*sample : nullptr;
}

void draw_token_controls(ViewContext& context) {
  auto& state = context.state;
  auto chosen = colour_names[static_cast<std::size_t>(state.colour)];
  if (choice(context, "colour", colour_names, chosen, 8)) {
    state.colour =
        static_cast<TokenColour>(std::ranges::find(colour_names, chosen) - colour_names.begin());
  }
  ImGui::SameLine();
  ImGui::Checkbox("attention", &state.attention);
  mark(context, "attention");
  ImGui::SameLine();
  if (ImGui::Checkbox("tree", &state.tree)) state.beams = false;
  mark(context, "tree");
  if (ImGui::IsItemHovered()) ImGui::SetTooltip("The outputs of all trials as one tree");
  ImGui::SameLine();
  if (ImGui::Checkbox("beams", &state.beams)) state.tree = false;
  mark(context, "beams");
  if (ImGui::IsItemHovered()) {
    ImGui::SetTooltip("All that the search kept, and what it dropped, computed again");
  }
  ImGui::SameLine();
  const float em = ImGui::GetFontSize();
  const auto begin = ImGui::GetCursorScreenPos();
  auto* list = ImGui::GetWindowDrawList();
  for (int i = 0; i < 24; ++i) {
    const float left = begin.x + em * 0.4F * static_cast<float>(i);
    list->AddRectFilled({left, begin.y + em / 4}, {left + em * 0.4F, begin.y + em * 1.2F},
                        mixed(context.theme.panel, context.theme.bad, static_cast<float>(i) / 23));
  }
  ImGui::Dummy({em * 10, em});
  ImGui::SameLine();
  static constexpr const char* ends[] = {"probability 1 to 0", "0 to 8 nats",
                                         "0 to 8 nats of entropy", "rank 1 to 1024"};
  ImGui::TextDisabled("%s   ←→ step   ↑↓ example", ends[static_cast<std::size_t>(state.colour)]);
}

void draw_token_tooltip(const storage::Token& token) {
  ImGui::BeginTooltip();
  text_line(fmt::format("'{}'", token.text));
  ImGui::Text("p = %.4f   rank %u   entropy %.3f nats", std::exp(token.log_probability), token.rank,
              token.entropy);
  ImGui::EndTooltip();
}

void draw_strip(ViewContext& context, std::size_t arm, std::optional<std::size_t> parted) {
  auto& state = context.state;
  const auto& list = *context.snapshot.tokens;
  text_line(trial_name(*context.snapshot.overview, list.trials[arm]),
            series_colour(context.theme, arm));
  if (!list.samples[arm]) {
    ImGui::TextDisabled("no sample stored");
    return;
  }
  const auto& sample = *list.samples[arm];
  ImGui::SameLine();
  ImGui::TextDisabled("log P = %.4f, %zu tokens, %s",
                      log_probability_of(sample, sample.tokens.size()), sample.tokens.size(),
                      sample.finish.c_str());
  std::vector<StripToken> tokens;
  for (const auto& token : sample.tokens) {
    const auto share = static_cast<float>(surprise_of(token, state.colour));
    tokens.push_back({token.text, mixed(context.theme.panel, context.theme.bad, share)});
  }
  std::optional<std::size_t> chosen;
  if (state.arm == arm && state.token < tokens.size()) chosen = state.token;
  const auto id = fmt::format("strip{}", arm);
  const auto answer = token_strip(
      id.c_str(), tokens, chosen, parted, context.theme, [&](std::size_t i, const ImVec4& box) {
        if (context.memory.items == nullptr) return;
        (*context.memory.items)[fmt::format("token/{}/{}", arm, i)] = box;
      });
  if (answer.clicked) {
    state.arm = arm;
    state.token = *answer.clicked;
  }
  if (answer.hovered) {
    draw_token_tooltip(sample.tokens[*answer.hovered]);
  }
}

TreeStretch stretch_of(const ViewContext& context, const TokenBranch& branch) {
  const auto& tokens = *context.snapshot.tokens;
  const auto& state = context.state;
  TreeStretch stretch;
  if (branch.arms.empty()) return stretch;
  const auto arm = branch.arms.front();
  // A stretch that several share speaks for the arm that is chosen.
  const auto spoken =
      std::ranges::find(branch.arms, state.arm) != branch.arms.end() ? state.arm : arm;
  for (auto i = branch.begin; i < branch.end; ++i) {
    const auto& token = tokens.samples[spoken]->tokens[i];
    const auto share = static_cast<float>(surprise_of(token, state.colour));
    stretch.tokens.push_back({token.text, mixed(context.theme.panel, context.theme.bad, share),
                              state.arm == spoken && state.token == i, spoken, i});
  }
  TreeStretch ended;  // here, while others may go on
  for (const auto leaf : branch.arms) {
    if (tokens.samples[leaf]->tokens.size() > branch.end) continue;
    if (ended.label.empty()) ended.label_colour = series_colour(context.theme, leaf);
    ended.label += (ended.label.empty() ? "" : ", ") +
                   trial_name(*context.snapshot.overview, tokens.trials[leaf]);
  }
  if (branch.next.empty()) {
    stretch.label = ended.label;
    stretch.label_colour = ended.label_colour;
  } else if (!ended.label.empty()) {
    stretch.next.push_back(std::move(ended));
  }
  for (const auto& next : branch.next) stretch.next.push_back(stretch_of(context, next));
  return stretch;
}

/// The outputs of all arms as one tree.
void draw_tree(ViewContext& context) {
  const auto& tokens = *context.snapshot.tokens;
  ImGui::BeginChild("tree", {0, 0}, false, ImGuiWindowFlags_HorizontalScrollbar);
  const auto answer = token_tree(
      "tree", stretch_of(context, token_branches(tokens)), context.theme,
      [&](const TreeToken& token, const ImVec4& box) {
        if (context.memory.items == nullptr) return;
        (*context.memory.items)[fmt::format("token/{}/{}", token.arm, token.position)] = box;
      });
  if (answer.hovered) {
    draw_token_tooltip(tokens.samples[answer.hovered->arm]->tokens[answer.hovered->position]);
    if (answer.clicked) {
      context.state.arm = answer.hovered->arm;
      context.state.token = answer.hovered->position;
    }
  }
  ImGui::EndChild();
}

std::string end_of(const SearchToken& token) {
  if (token.fate == SearchToken::Fate::output) return fmt::format("output, {:.4f}", token.score);
  if (token.fate == SearchToken::Fate::finished)
    return fmt::format("finished, {:.4f}", token.score);
  return fmt::format("dropped at {:.4f}", token.score);
}

std::vector<std::vector<LatticeToken>> lattice_of(const ViewContext& context,
                                                  std::span<const SearchToken> search,
                                                  const SearchColumns& columns) {
  const auto measure = context.state.colour == TokenColour::surprisal ? TokenColour::surprisal
                                                                      : TokenColour::probability;
  std::vector<std::size_t> rows(search.size());
  std::vector<std::vector<LatticeToken>> lattice(columns.size());
  for (std::size_t column = 0; column < columns.size(); ++column) {
    for (const auto& place : columns[column]) {
      const auto& token = search[place.token];
      rows[place.token] = place.row;
      storage::Token judged;
      judged.log_probability = std::log(token.probability);
      auto& shown = lattice[column].emplace_back();
      shown.text = token.text;
      if (token.parent) shown.parent = rows[*token.parent];
      shown.fill = mixed(context.theme.panel, context.theme.bad,
                         static_cast<float>(surprise_of(judged, measure)));
      shown.on_path = place.to_output;
      shown.faint = !place.to_end;
      shown.chosen = place.to_output && column == context.state.token;
      const bool ended =
          token.fate == SearchToken::Fate::output || token.fate == SearchToken::Fate::finished;
      if (ended) shown.label = end_of(token);
    }
  }
  return lattice;
}

void draw_search_tooltip(const SearchToken& token) {
  ImGui::BeginTooltip();
  text_line(fmt::format("'{}'", token.text));
  ImGui::Text("p = %.4f", token.probability);
  if (token.fate != SearchToken::Fate::passed) text_line(end_of(token) + " (the strategy's score)");
  ImGui::EndTooltip();
}

/// Which arm's search is shown.
void choose_arm_of_beams(ViewContext& context) {
  auto& state = context.state;
  for (std::size_t arm = 0; arm < state.trials.size(); ++arm) {
    if (arm > 0) ImGui::SameLine();
    ImGui::PushID(static_cast<int>(arm));
    const auto fill = with_alpha(context.theme.accent, arm == state.arm ? 0.35F : 0.08F);
    ImGui::PushStyleColor(ImGuiCol_Button, fill);
    ImGui::PushStyleColor(ImGuiCol_Text, series_colour(context.theme, arm));
    if (ImGui::SmallButton(trial_name(*context.snapshot.overview, state.trials[arm]).c_str())) {
      state.arm = arm;
      state.token = 0;
    }
    ImGui::PopStyleColor(2);
    mark(context, fmt::format("beams/{}", arm));
    ImGui::PopID();
  }
}

/// What the chosen arm's search kept, finished and dropped.
void draw_beams(ViewContext& context) {
  choose_arm_of_beams(context);
  const auto* seen = chosen_attention(context.snapshot, context.state);
  if (seen == nullptr) {
    ImGui::TextDisabled("The search is made again …");
    return;
  }
  if (seen->search.empty()) {
    text_wrapped(!seen->search_problem.empty() ? seen->search_problem
                 : seen->tokens.empty() && !seen->problem.empty()
                     ? seen->problem
                     : "This strategy keeps one hypothesis: there is nothing that it dropped.");
    return;
  }
  const std::span search(seen->search);
  const auto columns = search_columns(search);
  ImGui::BeginChild("beams", {0, 0}, false, ImGuiWindowFlags_HorizontalScrollbar);
  const auto answer = search_lattice("beams", lattice_of(context, search, columns), context.theme,
                                     [&](LatticePlace place, const ImVec4& box) {
                                       if (context.memory.items == nullptr) return;
                                       const auto token = columns[place.column][place.row].token;
                                       (*context.memory.items)[fmt::format("beam/{}", token)] = box;
                                     });
  ImGui::TextDisabled("faint: dropped, or led to what was dropped   hover: scores");
  if (answer.hovered) {
    draw_search_tooltip(search[columns[answer.hovered->column][answer.hovered->row].token]);
    if (answer.clicked) context.state.token = answer.hovered->column;
  }
  ImGui::EndChild();
}

void step(ViewContext& context) {
  auto& state = context.state;
  if (ImGui::GetIO().WantTextInput) return;
  const auto pressed = [](ImGuiKey key) { return ImGui::IsKeyPressed(ImGui::GetKeyIndex(key)); };
  if (const auto* sample = chosen_sample(context)) {
    const auto last = sample->tokens.empty() ? 0 : sample->tokens.size() - 1;
    if (pressed(ImGuiKey_RightArrow)) state.token = std::min(state.token + 1, last);
    if (pressed(ImGuiKey_LeftArrow) && state.token > 0) --state.token;
  }
  const bool down = pressed(ImGuiKey_DownArrow);
  if (!down && !pressed(ImGuiKey_UpArrow)) return;
  const auto& order = context.snapshot.order;
  if (!order) return;
  const auto& samples = *order->samples;
  const auto number = [&](std::uint32_t row) {
    return std::pair(samples.examples[samples.rows[row].example].example_index,
                     std::uint64_t{samples.rows[row].sample_index});
  };
  const auto here = std::ranges::find(order->rows, std::pair(state.example, state.sample), number);
  if (here == order->rows.end()) return;
  const auto next = down ? here + 1 : here - 1;
  if ((!down && here == order->rows.begin()) || next == order->rows.end()) return;
  std::tie(state.example, state.sample) = number(*next);
  state.token = 0;
}

}  // namespace

void draw_tokens(ViewContext& context) {
  auto& state = context.state;
  const auto& tokens = context.snapshot.tokens;
  if (state.trials.empty()) {
    say_empty("Choose trials in the leaderboard and a sample, then see its tokens here.");
    return;
  }
  if (!tokens || !context.snapshot.overview) {
    say_empty("Reading tokens …");
    return;
  }
  draw_token_controls(context);
  step(context);
  const auto parted = parting(*tokens);
  const float em = ImGui::GetFontSize();
  const float room = ImGui::GetContentRegionAvail().y;
  ImGui::BeginChild("strips", {0, room * (state.attention ? 0.34F : 0.6F)}, true);
  for (const auto& sample : tokens->samples) {
    if (!sample) continue;
    text_line(sample->source.empty() ? fmt::format("prefix: {}", sample->prefix)
                                     : fmt::format("source: {}", sample->source),
              context.theme.faint);
    if (!sample->references.empty()) {
      text_line(fmt::format("reference: {}", sample->references.front()), context.theme.faint);
    }
    break;
  }
  if (state.tree) {
    draw_tree(context);
  } else if (state.beams) {
    draw_beams(context);
  } else {
    for (std::size_t arm = 0; arm < tokens->samples.size(); ++arm) draw_strip(context, arm, parted);
    if (tokens->samples.size() > 1) {
      ImGui::TextDisabled(parted ? "They part at token %zu." : "They do not part.",
                          parted.value_or(0) + 1);
    }
  }
  ImGui::EndChild();
  const auto* sample = chosen_sample(context);
  ImGui::BeginChild("token", {state.attention ? 30 * em : 0, 0}, true);
  if (sample != nullptr) draw_token_details(context, *sample);
  ImGui::EndChild();
  if (state.attention) {
    ImGui::SameLine();
    ImGui::BeginChild("attention", {0, 0}, true);
    draw_attention(context);
    ImGui::EndChild();
  }
}

}  // namespace trellis::gui
