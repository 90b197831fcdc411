#include "core/grammar/token_masks.hpp"

#include <algorithm>

namespace trellis::grammar {
namespace {

constexpr std::size_t kMostStates = 100'000;  // about a kilobyte each
constexpr std::size_t kMostMaskBytes = std::size_t{64} << 20U;

}  // namespace

TokenMasks::TokenMasks(Matcher matcher, std::span<const std::string> tokens)
    : matcher_(std::move(matcher)), tokens_(tokens.begin(), tokens.end()) {
  for (std::size_t id = 0; id < tokens_.size(); ++id) {
    if (!tokens_[id].empty()) sorted_.push_back(static_cast<std::int32_t>(id));
  }
  std::sort(sorted_.begin(), sorted_.end(), [&](std::int32_t a, std::int32_t b) {
    const auto& left = tokens_[static_cast<std::size_t>(a)];
    const auto& right = tokens_[static_cast<std::size_t>(b)];
    return left != right ? left < right : a < b;
  });
  grow_tree();
}

void TokenMasks::grow_tree() {
  std::vector<std::uint32_t> open;  // nodes from the root to the last token
  std::size_t longest = 0;
  std::string_view last;
  const auto close = [&](std::size_t depth) {
    while (open.size() > depth) {
      tree_[open.back()].end = static_cast<std::uint32_t>(tree_.size());
      open.pop_back();
    }
  };
  for (std::size_t i = 0; i < sorted_.size(); ++i) {
    const std::string_view token = tokens_[static_cast<std::size_t>(sorted_[i])];
    const auto shared = static_cast<std::size_t>(
        std::mismatch(last.begin(), last.end(), token.begin(), token.end()).first - last.begin());
    close(shared);
    for (std::size_t depth = shared; depth < token.size(); ++depth) {
      open.push_back(static_cast<std::uint32_t>(tree_.size()));
      tree_.push_back({static_cast<std::uint8_t>(token[depth]),
                       static_cast<std::uint32_t>(depth + 1), 0, static_cast<std::uint32_t>(i)});
    }
    longest = std::max(longest, token.size());
    last = token;
  }
  close(0);
  tree_.push_back({0, 0, 0, static_cast<std::uint32_t>(sorted_.size())});
  path_.resize(longest + 1);
}

const TokenMask& TokenMasks::mask(StateId state) {
  const auto [found, added] = masks_.try_emplace(state);
  TokenMask& mask = found->second;
  if (!added) return mask;
  mask.assign((tokens_.size() + 63) / 64, 0);
  path_[0] = state;
  const auto count = static_cast<std::uint32_t>(tree_.size() - 1);
  for (std::uint32_t n = 0; n < count;) {
    const TreeNode& node = tree_[n];
    const StateId reached = matcher_.next(path_[node.depth - 1], node.byte);
    if (reached == kDead) {
      n = node.end;
      continue;
    }
    path_[node.depth] = reached;
    // A node's own tokens come before those below it. Where a longer token begins at the same
    // place in sorted_, this node has none.
    for (std::uint32_t i = node.first; i < tree_[n + 1].first; ++i) {
      const auto id = static_cast<std::size_t>(sorted_[i]);
      mask[id / 64] |= std::uint64_t{1} << (id % 64);
    }
    ++n;
  }
  return mask;
}

void TokenMasks::tidy() {
  const std::size_t bytes = masks_.size() * ((tokens_.size() + 63) / 64) * sizeof(std::uint64_t);
  if (matcher_.state_count() <= kMostStates && bytes <= kMostMaskBytes) return;
  masks_.clear();
  matcher_.clear();
}

}  // namespace trellis::grammar
