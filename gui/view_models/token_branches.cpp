#include "gui/view_models/token_branches.hpp"

#include <algorithm>

namespace trellis::gui {
namespace {

TokenBranch grow(const SampleTokens& tokens, std::vector<std::size_t> arms, std::size_t begin) {
  TokenBranch branch{std::move(arms), begin, begin, {}};
  if (branch.arms.empty()) return branch;
  const auto list = [&](std::size_t arm) -> const std::vector<storage::Token>& {
    return tokens.samples[arm]->tokens;
  };
  const auto& first = list(branch.arms.front());
  const auto all_go_on = [&](std::size_t at) {
    return std::ranges::all_of(branch.arms, [&](const auto arm) {
      return at < list(arm).size() && at < first.size() && list(arm)[at].id == first[at].id;
    });
  };
  while (all_go_on(branch.end)) ++branch.end;
  std::vector<std::size_t> left = branch.arms;
  while (!left.empty()) {
    std::vector<std::size_t> same;
    std::vector<std::size_t> others;
    const auto& head = list(left.front());
    for (const auto arm : left) {
      if (branch.end >= list(arm).size()) continue;  // it ends here
      const bool alike =
          branch.end < head.size() && list(arm)[branch.end].id == head[branch.end].id;
      (alike ? same : others).push_back(arm);
    }
    if (!same.empty()) branch.next.push_back(grow(tokens, std::move(same), branch.end));
    left = std::move(others);
  }
  return branch;
}

}  // namespace

TokenBranch token_branches(const SampleTokens& tokens) {
  std::vector<std::size_t> arms;
  for (std::size_t arm = 0; arm < tokens.samples.size(); ++arm) {
    if (tokens.samples[arm]) arms.push_back(arm);
  }
  return grow(tokens, std::move(arms), 0);
}

std::size_t leaves_of(const TokenBranch& branch) {
  std::size_t leaves = 0;
  for (const auto& next : branch.next) leaves += leaves_of(next);
  return std::max<std::size_t>(leaves, 1);
}

}  // namespace trellis::gui
