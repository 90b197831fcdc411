/// What the model looked at: the weights of one layer and head, the chosen token's row marked, and
/// the source coloured by it.
#include <fmt/format.h>
#include <imgui.h>

#include <algorithm>
#include <set>

#include "gui/view_models/selection.hpp"
#include "gui/view_models/tokens.hpp"
#include "gui/views/views.hpp"
#include "gui/widgets/heat_map.hpp"
#include "gui/widgets/token_strip.hpp"

namespace trellis::gui {
namespace {

void choose_number(ViewContext& context, const char* label, const std::set<std::size_t>& numbers,
                   std::size_t& chosen) {
  std::vector<std::string> names;
  names.reserve(numbers.size());
  for (const auto number : numbers) names.push_back(std::to_string(number + 1));
  if (!numbers.contains(chosen) && !numbers.empty()) chosen = *numbers.begin();
  auto name = std::to_string(chosen + 1);
  if (choice(context, label, names, name, 4)) chosen = std::stoul(name) - 1;
}

void draw_keys(ViewContext& context, const AttentionMap& map, std::size_t query,
               const std::vector<std::string>& keys) {
  std::vector<StripToken> strip;
  const auto* row = &map.weights[query * map.keys];
  const float largest = std::max(*std::max_element(row, row + map.keys), 1e-6F);
  for (std::size_t i = 0; i < map.keys && i < keys.size(); ++i) {
    strip.push_back({keys[i], mixed(context.theme.panel, context.theme.accent, row[i] / largest)});
  }
  const auto answer = token_strip("keys", strip, {}, {}, context.theme);
  if (answer.hovered) ImGui::SetTooltip("weight %.4f", static_cast<double>(row[*answer.hovered]));
}

void draw_maps(ViewContext& context, const Attention& attention) {
  auto& state = context.state;
  std::vector<std::string> kinds;
  for (const auto& map : attention.maps) {
    if (std::ranges::find(kinds, map.kind) == kinds.end()) kinds.push_back(map.kind);
  }
  auto kind = std::ranges::find(kinds, state.attention_kind) != kinds.end() ? state.attention_kind
                                                                            : main_kind(attention);
  if (kinds.size() > 1) {
    if (choice(context, "##kind", kinds, kind, 6)) state.attention_kind = kind;
    ImGui::SameLine();
  }
  std::set<std::size_t> layers;
  std::set<std::size_t> heads;
  for (const auto& map : attention.maps) {
    if (map.kind != kind) continue;
    layers.insert(static_cast<std::size_t>(map.layer));
    heads.insert(static_cast<std::size_t>(map.head));
  }
  choose_number(context, "layer", layers, state.layer);
  ImGui::SameLine();
  choose_number(context, "head", heads, state.head);
  ImGui::SameLine();
  const auto* map = find_map(attention, kind, state.layer, state.head);
  if (map == nullptr || map->queries == 0 || map->keys == 0) {
    ImGui::TextDisabled("no weights of this layer and head");
    return;
  }
  const bool experts = kind == "experts";
  text_line(experts ? "share of each expert" : kind + " attention", context.theme.faint);
  std::vector<std::string> keys;
  for (std::size_t i = 0; experts && i < map->keys; ++i) keys.push_back(std::to_string(i));
  if (!experts) keys = kind == "self" ? attention.tokens : attention.source_tokens;
  const auto query = kind == "encoder" ? std::nullopt : query_of(attention, state.token);
  if (query && *query < map->queries) draw_keys(context, *map, *query, keys);
  const float largest = *std::ranges::max_element(map->weights);
  auto row_labels = kind == "encoder" ? attention.source_tokens : attention.tokens;
  row_labels.resize(map->queries);
  auto column_labels = keys;
  column_labels.resize(map->keys);
  const auto room = ImGui::GetContentRegionAvail();
  heat_map("weights", {map->weights, row_labels, column_labels, largest, query}, room,
           context.theme);
  mark(context, "weights");
}

}  // namespace

void draw_attention(ViewContext& context) {
  const auto* attention = chosen_attention(context.snapshot, context.state);
  const auto& state = context.state;
  const auto* overview = context.snapshot.overview.get();
  if (overview != nullptr && state.arm < state.trials.size()) {
    text_line(trial_name(*overview, state.trials[state.arm]),
              series_colour(context.theme, state.arm));
  }
  if (attention == nullptr) {
    ImGui::TextDisabled("The model reads this sample again …");
  } else if (!attention->problem.empty()) {
    text_wrapped(attention->problem);
  } else {
    draw_maps(context, *attention);
  }
}

}  // namespace trellis::gui
