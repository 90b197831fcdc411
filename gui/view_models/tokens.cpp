#include "gui/view_models/tokens.hpp"

#include <algorithm>
#include <cmath>

namespace trellis::gui {

std::optional<std::size_t> parting(const SampleTokens& tokens) {
  const storage::SampleRecord* first = nullptr;
  std::optional<std::size_t> parted;
  for (const auto& sample : tokens.samples) {
    if (!sample) continue;
    if (first == nullptr) {
      first = &*sample;
      continue;
    }
    const auto& a = first->tokens;
    const auto& b = sample->tokens;
    // Texts, not ids: other models have other vocabularies.
    const auto ends = std::mismatch(a.begin(), a.end(), b.begin(), b.end(),
                                    [](const auto& x, const auto& y) { return x.text == y.text; });
    if (ends.first == a.end() && ends.second == b.end()) continue;
    const auto at = static_cast<std::size_t>(ends.first - a.begin());
    parted = std::min(parted.value_or(at), at);
  }
  return parted;
}

double log_probability_of(const storage::SampleRecord& sample, std::size_t count) {
  double sum = 0;
  for (std::size_t i = 0; i < std::min(count, sample.tokens.size()); ++i) {
    sum += sample.tokens[i].log_probability;
  }
  return sum;
}

double surprise_of(const storage::Token& token, TokenColour colour) {
  constexpr double most_nats = 8;
  switch (colour) {
    case TokenColour::surprisal:
      return std::clamp(-token.log_probability / most_nats, 0.0, 1.0);
    case TokenColour::entropy:
      return std::clamp(token.entropy / most_nats, 0.0, 1.0);
    case TokenColour::rank:
      return std::clamp(std::log2(static_cast<double>(token.rank)) / 10, 0.0, 1.0);
    default:
      return std::clamp(1 - std::exp(token.log_probability), 0.0, 1.0);
  }
}

std::vector<Alternative> alternatives_of(const storage::Token& token) {
  std::vector<Alternative> list;
  double mass = 0;
  bool found = false;
  if (token.alternatives.is_array()) {
    for (const auto& entry : token.alternatives) {
      if (!entry.is_array() || entry.size() < 2 || !entry[0].is_string() || !entry[1].is_number()) {
        continue;
      }
      const double probability = std::exp(entry[1].get<double>());
      mass += probability;
      const bool taken = !found && list.size() + 1 == token.rank;
      found = found || taken;
      list.push_back({entry[0].get<std::string>(), probability, mass, taken});
    }
  }
  if (!found) list.push_back({token.text, std::exp(token.log_probability), std::nan(""), true});
  return list;
}

std::optional<std::size_t> query_of(const Attention& attention, std::size_t position) {
  const auto row = attention.prompt + position;
  if (row == 0 || row > attention.tokens.size()) return std::nullopt;
  return row - 1;
}

const AttentionMap* find_map(const Attention& attention, const std::string& kind, std::size_t layer,
                             std::size_t head) {
  for (const auto& map : attention.maps) {
    if (map.kind == kind && map.layer == static_cast<std::int32_t>(layer) &&
        map.head == static_cast<std::int32_t>(head)) {
      return &map;
    }
  }
  return nullptr;
}

std::string main_kind(const Attention& attention) {
  const bool cross =
      std::ranges::any_of(attention.maps, [](const auto& map) { return map.kind == "cross"; });
  return cross ? "cross" : "self";
}

}  // namespace trellis::gui
