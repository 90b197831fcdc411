#include "core/grammar/matcher.hpp"

#include <algorithm>
#include <set>

namespace trellis::grammar {
namespace {

constexpr StateId kUnknown = -2;  // was not worked out yet

}  // namespace

Matcher::Matcher(Automaton automaton) : automaton_(std::move(automaton)) {
  clear();
}

void Matcher::clear() {
  states_.clear();
  known_.clear();
  stacks_.clear();
  frames_.assign(1, {});
  start_ = intern({{automaton_.start, 0}});
}

Matcher::StackId Matcher::push(std::uint32_t back, StackId below) {
  const auto [found, added] =
      stacks_.emplace((std::uint64_t{back} << 32U) | below, static_cast<StackId>(frames_.size()));
  if (added) frames_.push_back({back, below});
  return found->second;
}

// Follows all that needs no byte, and looks the set up.
StateId Matcher::intern(std::vector<Place> open) {
  std::set<Place> seen(open.begin(), open.end());
  State state;
  const auto reach = [&](std::uint32_t node, StackId stack) {
    if (seen.insert({node, stack}).second) open.push_back({node, stack});
  };
  while (!open.empty()) {
    const Place place = open.back();
    open.pop_back();
    const Node& node = automaton_.nodes[place.node];
    if (!node.bytes.empty()) state.places.push_back(place);
    for (const auto to : node.empty) reach(to, place.stack);
    if (node.call != Node::kNone) {
      const bool last = automaton_.nodes[node.back].ends_at_once;
      reach(node.call, last ? place.stack : push(node.back, place.stack));
    }
    if (!node.end) continue;
    if (place.stack == 0) {
      state.accepts = true;
    } else {
      const Frame frame = frames_[place.stack];
      reach(frame.back, frame.below);
    }
  }
  if (state.places.empty() && !state.accepts) return kDead;
  std::sort(state.places.begin(), state.places.end());
  const auto [found, added] =
      known_.emplace(std::pair(state.places, state.accepts), static_cast<StateId>(states_.size()));
  if (added) {
    state.next.fill(kUnknown);
    states_.push_back(std::move(state));
  }
  return found->second;
}

StateId Matcher::next(StateId state, std::uint8_t byte) {
  if (state == kDead) return kDead;
  const auto index = static_cast<std::size_t>(state);
  if (const StateId known = states_[index].next[byte]; known != kUnknown) return known;
  std::vector<Place> reached;
  for (const Place& place : states_[index].places) {
    for (const ByteEdge& edge : automaton_.nodes[place.node].bytes) {
      if (edge.low <= byte && byte <= edge.high) reached.push_back({edge.to, place.stack});
    }
  }
  const StateId next = reached.empty() ? kDead : intern(std::move(reached));
  states_[index].next[byte] = next;
  return next;
}

StateId Matcher::after(StateId state, std::string_view bytes) {
  for (const char byte : bytes) {
    if (state == kDead) return kDead;
    state = next(state, static_cast<std::uint8_t>(byte));
  }
  return state;
}

}  // namespace trellis::grammar
