/// Which tokens of a vocabulary may follow in a state of a grammar.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/grammar/matcher.hpp"

namespace trellis::grammar {

/// Bit i % 64 of word i / 64: token i may follow.
using TokenMask = std::vector<std::uint64_t>;

/// One thread at a time.
class TokenMasks {
 public:
  /// `tokens`: the bytes of each id; empty for those that write nothing, which may never follow.
  TokenMasks(Matcher matcher, std::span<const std::string> tokens);

  Matcher& matcher() { return matcher_; }

  /// Worked out when a state is first met, then kept. Valid until the next call of mask().
  const TokenMask& mask(StateId state);

  /// The state after a token, kDead where it may not follow.
  StateId after(StateId state, std::int32_t token) {
    return matcher_.after(state, tokens_[static_cast<std::size_t>(token)]);
  }

  /// Forgets states and masks where they have become many; ids from before are void then. Call it
  /// only where none is held.
  void tidy();

 private:
  // The vocabulary as a tree of bytes, each node before those below it.
  struct TreeNode {
    std::uint8_t byte;
    std::uint32_t depth;  // from 1
    std::uint32_t end;    // the first node that is not below this one
    std::uint32_t first;  // of sorted_: its tokens are first .. the next node's first
  };
  void grow_tree();

  Matcher matcher_;
  std::vector<std::string> tokens_;
  std::vector<std::int32_t> sorted_;  // ids by their bytes
  std::vector<TreeNode> tree_;        // and a last one that only ends
  std::unordered_map<StateId, TokenMask> masks_;
  std::vector<StateId> path_;  // states by depth
};

}  // namespace trellis::grammar
