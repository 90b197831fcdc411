#include "core/metrics/turns.hpp"

#include <set>
#include <utility>

#include "core/text/unicode.hpp"

namespace trellis::metrics {

void drop_ends(std::vector<std::string>& tokens, std::span<const TurnTokens> turns) {
  std::vector<std::string> kept;
  auto token = tokens.begin();
  for (const auto& turn : turns) {
    for (std::size_t i = 0; i < turn.count && token != tokens.end(); ++i, ++token) {
      if (!turn.ended || i + 1 < turn.count) kept.push_back(std::move(*token));
    }
  }
  tokens = std::move(kept);
}

double repeated_turns(std::span<const std::string> turns) {
  if (turns.empty()) return 0;
  std::set<std::string_view> said;
  for (const auto& turn : turns) said.insert(text::strip(turn));
  return 1 - static_cast<double>(said.size()) / static_cast<double>(turns.size());
}

}  // namespace trellis::metrics
