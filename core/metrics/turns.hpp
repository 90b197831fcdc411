/// What an output says in one or more turns.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace trellis::metrics {

/// Where a turn's tokens end among those of all turns, which stand in a row.
struct TurnTokens {
  std::size_t count = 0;
  bool ended = false;  ///< the last of them is an end symbol
};

/// `finish` as trellis/abi/task.h has it.
inline TurnTokens turn_tokens(std::size_t count, std::string_view finish) {
  return {count, finish == "eos"};
}

/// Takes the end symbols of all turns out of the texts of their tokens.
void drop_ends(std::vector<std::string>& tokens, std::span<const TurnTokens> turns);

/// Share of the turns that say what an earlier one said, white space at both ends left out; 0 for
/// no turns. "repeated_turns".
double repeated_turns(std::span<const std::string> turns);

}  // namespace trellis::metrics
