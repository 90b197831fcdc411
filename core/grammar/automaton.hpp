/// A grammar as a network of nodes and edges over bytes: one part a rule, which other parts call
/// (a recursive transition network, Woods 1970).
#pragma once

#include <cstdint>
#include <vector>

#include "core/grammar/grammar.hpp"

namespace trellis::grammar {

struct ByteEdge {
  std::uint8_t low = 0;
  std::uint8_t high = 0;
  std::uint32_t to = 0;
};

/// At most one of bytes, empty and call is in use.
struct Node {
  static constexpr std::uint32_t kNone = UINT32_MAX;
  std::vector<ByteEdge> bytes;
  std::vector<std::uint32_t> empty;  ///< nodes that are reached without a byte
  std::uint32_t call = kNone;        ///< the first node of a rule
  std::uint32_t back = kNone;        ///< where to go on after it
  bool end = false;                  ///< of a rule
  bool ends_at_once = false;         ///< nothing but the end of the rule can follow
};

/// Immutable.
struct Automaton {
  std::vector<Node> nodes;
  std::uint32_t start = 0;
};

/// Checks the grammar, too. Throws Error(usage) for what check() refuses and for a grammar that
/// would have more than a million nodes.
Automaton compile(const Grammar& grammar);

}  // namespace trellis::grammar
