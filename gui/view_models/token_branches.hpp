/// Outputs of one example as a tree: what they have in common once, then where they part.
#pragma once

#include <cstddef>
#include <vector>

#include "gui/snapshot.hpp"

namespace trellis::gui {

/// Tokens `begin` to `end` - 1, which all of `arms` have in common; then one branch for each way to
/// go on, the one of the lowest arm first.
struct TokenBranch {
  std::vector<std::size_t> arms;  ///< places in SampleTokens::samples
  std::size_t begin = 0;
  std::size_t end = 0;
  std::vector<TokenBranch> next;
};

/// Of all arms that have a sample. Outputs of one beginning that end are where their branch ends.
TokenBranch token_branches(const SampleTokens& tokens);

/// How many lines the tree takes: its leaves.
std::size_t leaves_of(const TokenBranch& branch);

}  // namespace trellis::gui
