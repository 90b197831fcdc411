#include "core/decode/frontier.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace trellis::decode {
namespace {

// The nearest node with a state, from `node` upwards; null where there is none.
TreeNode* base_of(TreeNode* node) {
  while (node != nullptr && !node->state) node = node->parent().get();
  return node;
}

}  // namespace

std::size_t Frontier::want(const NodePtr& node, std::size_t rows, bool may_return) {
  const auto [found, fresh] = index_.try_emplace(node.get(), wants_.size());
  if (fresh) wants_.push_back({.node = node, .rows = rows, .may_return = may_return});
  Want& want = wants_[found->second];
  want.rows = std::max(want.rows, rows);
  want.may_return = want.may_return || may_return;
  return found->second;
}

const std::vector<FedPath>& Frontier::run(plugin::Model& model, const FeedLimits& limits) {
  end_round();
  uses_.clear();
  fed_.assign(wants_.size(), {});
  for (const auto& node : held_) uses_[node.get()].keep = true;
  for (const auto& node : kept_) {
    if (const TreeNode* base = base_of(node.get())) uses_[base].keep = true;
  }
  for (auto& want : wants_) find_base(want);
  cut_prompts(limits.tokens);
  free_unused_states();
  for (auto& want : wants_) {
    if (want.base != nullptr) take_state(model, want);
  }
  std::erase_if(with_state_, [](const NodePtr& node) { return !node->state; });
  if (!batch_.empty()) batch_.run(model, limits);
  for (std::size_t i = 0; i < wants_.size(); ++i) {
    Want& want = wants_[i];
    fed_[i].ready = want.ready;
    if (want.base == nullptr) continue;
    with_state_.push_back(want.node);
    want.node->state = std::move(want.state);
    fed_[i].tokens = want.tokens.size();
    if (want.node->parent() == nullptr) note_prompt(want, fed_[i]);
    if (want.ready) spread_rows(want);
  }
  for (const auto& node : held_) {
    if (node->row().logits != nullptr) node->keep_row(vocab_size_, hidden_size_);
  }
  wants_.clear();
  index_.clear();
  held_.clear();
  kept_.clear();
  return fed_;
}

// The nearest node with a state above all those whose rows are wanted; none where a kept row is
// already there. A root that was not fed yet is its own base.
void Frontier::find_base(Want& want) {
  if (want.node->parent() == nullptr) {
    if (want.node->row().logits != nullptr) {
      uses_[want.node.get()].keep = true;  // in the next round somebody goes on from here
      return;
    }
    const auto unread = want.node->prompt().subspan(want.node->prompt_read);
    want.tokens.assign(unread.begin(), unread.end());
    want.base = want.node.get();
  } else {
    const NodePtr& top = ancestor(want.node, want.rows - 1)->parent();
    TreeNode* base = base_of(top.get());
    if (base == nullptr) throw std::logic_error("a prefix has lost the state it goes on from");
    want.base = base;
    for (const TreeNode* at = want.node.get(); at != base; at = at->parent().get()) {
      want.tokens.push_back(at->token());
    }
    std::reverse(want.tokens.begin(), want.tokens.end());
  }
  Use& use = uses_[want.base];
  ++use.count;
  use.keep = use.keep || want.may_return;
}

void Frontier::end_round() {
  for (const auto& node : with_row_) {
    if (!node->keeps_row()) node->set_row({});
  }
  with_row_.clear();
  // A node that goes may have been the last below another one.
  while (std::erase_if(with_state_, [](const NodePtr& node) { return node.use_count() == 1; }) >
         0) {
  }
}

// Prompts share the room that the others leave, and some in any case, evenly: what a short one does
// not need is for the longer ones.
void Frontier::cut_prompts(std::size_t max_tokens) {
  constexpr std::size_t kLeastShare = 8;
  std::size_t others = 0;
  for (const auto& want : wants_) {
    if (want.base != nullptr && want.node->parent() != nullptr) others += want.tokens.size();
  }
  std::size_t room = std::max(max_tokens - std::min(max_tokens, others),
                              std::max<std::size_t>(max_tokens / kLeastShare, 1));
  std::vector<Want*> prompts;
  for (auto& want : wants_) {
    if (want.base != nullptr && want.node->parent() == nullptr) prompts.push_back(&want);
  }
  std::stable_sort(prompts.begin(), prompts.end(), [](const Want* a, const Want* b) {
    return a->tokens.size() < b->tokens.size();
  });
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    Want& want = *prompts[i];
    const std::size_t all = want.tokens.size();
    std::size_t part = std::min(all, room / (prompts.size() - i));
    // The last token is fed by itself then: it alone needs logits.
    if (prompt_hidden_ && part == all && all > 1) --part;
    room -= part;
    want.ready = part == all;
    want.tokens.resize(part);
    if (!want.ready) want.rows = prompt_hidden_ ? part : 0;
    if (part == 0) want.base = nullptr;  // it is still listed as used, so the state stays
  }
}

void Frontier::free_unused_states() {
  for (const auto& node : with_state_) {
    if (!uses_.contains(node.get())) node->state = {};
  }
  std::erase_if(with_state_, [](const NodePtr& node) { return !node->state; });
}

// All forks are made before anything is fed: what is fed below a node leaves its state alone.
void Frontier::take_state(plugin::Model& model, Want& want) {
  Use& use = uses_.at(want.base);
  const bool last = --use.count == 0 && (!use.keep || want.base == want.node.get());
  want.state = last ? std::move(want.base->state) : model.fork(want.base->state);
  batch_.add(want.state, want.tokens, want.rows, want.fed, want.ready);
}

void Frontier::note_prompt(const Want& want, FedPath& fed) const {
  TreeNode& root = *want.node;
  fed.prompt = true;
  fed.begins = root.prompt_read == 0;
  root.prompt_read += want.tokens.size();
  if (!prompt_hidden_) return;
  root.prompt_hidden.insert(root.prompt_hidden.end(), want.fed.hidden,
                            want.fed.hidden + want.fed.count * hidden_size_);
}

void Frontier::spread_rows(const Want& want) {
  NodePtr node = want.node;
  for (std::size_t row = want.rows; row > 0; --row) {
    const auto index = row - 1;
    node->set_row({want.fed.logits + index * vocab_size_,
                   want.fed.hidden == nullptr ? nullptr : want.fed.hidden + index * hidden_size_});
    with_row_.push_back(node);
    node = node->parent();
  }
}

StateUse Frontier::state_use(const plugin::ModelFacts& facts) {
  StateUse use{with_state_.size(), 0};
  if (!facts.state_bytes) return use;
  const auto& costs = *facts.state_bytes;
  use.bytes = use.states * costs.per_state;
  if (costs.per_token == 0) return use;
  std::uint64_t tokens = 0;
  ++state_count_;
  for (const auto& node : with_state_) {
    for (TreeNode* at = node.get(); at != nullptr; at = at->parent().get()) {
      if (costs.forks_share && std::exchange(at->counted_in, state_count_) == state_count_) break;
      tokens += at->parent() != nullptr ? 1 : at->prompt_read + at->encoder_tokens();
    }
  }
  use.bytes += tokens * costs.per_token;
  return use;
}

}  // namespace trellis::decode
