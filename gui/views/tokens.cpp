/// One sample under each chosen trial, token by token: colours, alternatives, the chain rule, and
/// where the texts part.
#include <fmt/format.h>
#include <imgui.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "gui/view_models/selection.hpp"
#include "gui/view_models/token_branches.hpp"
#include "gui/view_models/tokens.hpp"
#include "gui/views/views.hpp"
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

void draw_controls(ViewContext& context) {
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
  ImGui::Checkbox("tree", &state.tree);
  mark(context, "tree");
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

void draw_share(double probability, ImU32 colour) {
  const float em = ImGui::GetFontSize();
  const auto at = ImGui::GetCursorScreenPos();
  const float room = ImGui::GetContentRegionAvail().x;
  ImGui::GetWindowDrawList()->AddRectFilled(
      {at.x, at.y + em / 5},
      {at.x + std::max(1.0F, room * static_cast<float>(probability)), at.y + em}, colour, em / 8);
  ImGui::Dummy({1, em});
}

void draw_number(double value, const char* format, ImU32 colour) {
  if (std::isnan(value)) {
    ImGui::TextDisabled("–");
  } else {
    ImGui::TextColored(ImGui::ColorConvertU32ToFloat4(colour), format, value);
  }
}

/// The alternatives as stored, and where the sample was computed again what the strategy made of
/// them: cut or kept, with which probability, and the noise.
void draw_alternatives(ViewContext& context, const storage::Token& token, const TokenChoice* choice,
                       bool noisy) {
  const float em = ImGui::GetFontSize();
  const int columns = choice == nullptr ? 4 : noisy ? 6 : 5;
  if (!ImGui::BeginTable("alternatives", columns,
                         ImGuiTableFlags_RowBg | ImGuiTableFlags_SizingFixedFit)) {
    return;
  }
  ImGui::TableSetupColumn("token", 0, 9 * em);
  ImGui::TableSetupColumn("p", 0, 4 * em);
  ImGui::TableSetupColumn("mass", 0, 4 * em);
  if (choice != nullptr) ImGui::TableSetupColumn("p kept", 0, 4 * em);
  if (choice != nullptr && noisy) ImGui::TableSetupColumn("noise", 0, 4 * em);
  ImGui::TableSetupColumn("##bar", ImGuiTableColumnFlags_WidthStretch);
  ImGui::TableHeadersRow();
  const auto stored = alternatives_of(token);
  for (const auto& alternative : stored) {
    const ChoiceAlternative* seen = nullptr;
    for (std::size_t i = 0; choice != nullptr && i < choice->alternatives.size(); ++i) {
      if (choice->alternatives[i].text == alternative.text) seen = &choice->alternatives[i];
    }
    const bool cut = seen != nullptr && !seen->kept;
    const auto colour = alternative.taken ? context.theme.accent
                        : cut             ? context.theme.faint
                                          : context.theme.text;
    ImGui::TableNextRow();
    ImGui::TableNextColumn();
    text_line(fmt::format("{}{}{}", alternative.taken ? "● " : "   ", alternative.text,
                          cut ? "  (cut)" : ""),
              colour);
    ImGui::TableNextColumn();
    draw_number(alternative.probability, "%.4f", colour);
    ImGui::TableNextColumn();
    draw_number(alternative.mass, "%.4f", colour);
    const double none = std::numeric_limits<double>::quiet_NaN();
    if (choice != nullptr) {
      ImGui::TableNextColumn();
      draw_number(seen != nullptr && seen->kept ? seen->after : none, "%.4f", colour);
    }
    if (choice != nullptr && noisy) {
      ImGui::TableNextColumn();
      draw_number(seen != nullptr ? seen->noise : none, "%+.3f", colour);
    }
    ImGui::TableNextColumn();
    draw_share(seen != nullptr && seen->kept ? seen->after : alternative.probability,
               alternative.taken ? context.theme.accent
                                 : with_alpha(context.theme.faint, cut ? 0.35F : 1.0F));
  }
  ImGui::EndTable();
}

/// What was computed again for the chosen token; null where it was not.
const TokenChoice* chosen_choice(const ViewContext& context) {
  const auto& state = context.state;
  const auto& seen = context.snapshot.attention;
  const bool current = state.attention && seen && state.arm < state.trials.size() &&
                       seen->trial == state.trials[state.arm] &&
                       seen->example_index == state.example && seen->sample_index == state.sample &&
                       state.token < seen->choices.size();
  return current ? &seen->choices[state.token] : nullptr;
}

void draw_token(ViewContext& context, const storage::SampleRecord& sample) {
  const auto at = context.state.token;
  if (at >= sample.tokens.size()) {
    ImGui::TextDisabled("This output has no token there.");
    return;
  }
  const auto& token = sample.tokens[at];
  text_line(fmt::format("token {} of {}: '{}'", at + 1, sample.tokens.size(), token.text));
  ImGui::Text("p = %.6f   log p = %.4f   rank %u   entropy %.4f nats",
              std::exp(token.log_probability), token.log_probability, token.rank, token.entropy);
  const double before = log_probability_of(sample, at);
  const double after = log_probability_of(sample, at + 1);
  ImGui::Text("chain rule: %.4f + (%.4f) = %.4f; P so far = %.3e", before, token.log_probability,
              after, std::exp(after));
  const auto* choice = chosen_choice(context);
  if (choice != nullptr) {
    ImGui::Text("the strategy kept %llu tokens, %.2f %% of the mass",
                static_cast<unsigned long long>(choice->kept), 100 * choice->kept_mass);
    if (context.snapshot.attention->noisy) {
      ImGui::SameLine();
      ImGui::TextDisabled("  and took the greatest log p kept + noise");
    }
  } else {
    ImGui::TextDisabled("\"attention\" computes again what was kept, cut and drawn");
  }
  draw_alternatives(context, token, choice, choice != nullptr && context.snapshot.attention->noisy);
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
  draw_controls(context);
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
  if (state.tree) draw_tree(context);
  for (std::size_t arm = 0; !state.tree && arm < tokens->samples.size(); ++arm) {
    draw_strip(context, arm, parted);
  }
  if (!state.tree && tokens->samples.size() > 1) {
    ImGui::TextDisabled(parted ? "They part at token %zu." : "They do not part.",
                        parted.value_or(0) + 1);
  }
  ImGui::EndChild();
  const auto* sample = chosen_sample(context);
  ImGui::BeginChild("token", {state.attention ? 30 * em : 0, 0}, true);
  if (sample != nullptr) draw_token(context, *sample);
  ImGui::EndChild();
  if (state.attention) {
    ImGui::SameLine();
    ImGui::BeginChild("attention", {0, 0}, true);
    draw_attention(context);
    ImGui::EndChild();
  }
}

}  // namespace trellis::gui
