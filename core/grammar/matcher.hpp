/// Where a grammar stands after some bytes, and what may follow.
///
/// A state is a set of places in the automaton, each with the calls that are still open; equal sets
/// are one state, however they were reached. What was worked out once is kept, so that a grammar
/// without recursion soon runs as a table of states and bytes.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/grammar/automaton.hpp"

namespace trellis::grammar {

using StateId = std::int32_t;
inline constexpr StateId kDead = -1;  ///< no text of the grammar begins so

/// One thread at a time. Ids are valid until clear().
class Matcher {
 public:
  /// Takes the automaton.
  explicit Matcher(Automaton automaton);

  StateId start() const { return start_; }
  StateId next(StateId state, std::uint8_t byte);
  StateId after(StateId state, std::string_view bytes);
  /// Whether the text may end here.
  bool accepts(StateId state) const { return states_[static_cast<std::size_t>(state)].accepts; }
  /// Whether some byte may follow.
  bool goes_on(StateId state) const {
    return !states_[static_cast<std::size_t>(state)].places.empty();
  }

  std::size_t state_count() const { return states_.size(); }
  /// Forgets every state but start().
  void clear();

 private:
  using StackId = std::uint32_t;  // 0: no call is open
  struct Frame {
    std::uint32_t back;  // the node to go on at
    StackId below;
  };
  struct Place {
    std::uint32_t node;
    StackId stack;
    auto operator<=>(const Place&) const = default;
  };
  struct State {
    std::vector<Place> places;  // those where a byte can follow, ascending
    bool accepts = false;
    std::array<StateId, 256> next;
  };

  StateId intern(std::vector<Place> reached);
  StackId push(std::uint32_t back, StackId below);

  Automaton automaton_;
  std::vector<State> states_;
  std::map<std::pair<std::vector<Place>, bool>, StateId> known_;
  std::vector<Frame> frames_;  // [0] is not used
  std::unordered_map<std::uint64_t, StackId> stacks_;
  StateId start_ = 0;
};

}  // namespace trellis::grammar
