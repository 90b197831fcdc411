#include "core/decode/token_tree.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace trellis::decode {

NodePtr TreeNode::root(std::vector<std::int32_t> prompt, plugin::State state,
                       std::size_t encoder_tokens) {
  NodePtr node(new TreeNode());
  node->encoder_tokens_ = encoder_tokens;
  node->prompt_ = std::move(prompt);
  node->state = std::move(state);
  return node;
}

NodePtr TreeNode::child(const NodePtr& parent, std::int32_t token) {
  auto& entry = parent->children_[token];
  if (auto found = entry.lock()) return found;
  NodePtr node = apart(parent, token);
  entry = node;
  return node;
}

NodePtr TreeNode::apart(const NodePtr& parent, std::int32_t token) {
  NodePtr node(new TreeNode());
  node->parent_ = parent;
  node->token_ = token;
  node->depth_ = parent->depth_ + 1;
  return node;
}

// A long path that nobody else holds goes node by node: recursion could exhaust the stack.
TreeNode::~TreeNode() {
  std::int32_t token = token_;
  NodePtr above = std::move(parent_);
  while (above != nullptr) {
    above->children_.erase(token);
    if (above.use_count() > 1) break;
    token = above->token_;
    above = NodePtr(std::move(above->parent_));
  }
}

void TreeNode::set_row(const NodeRow& row) {
  row_ = row;
  judge_.reset();
  kept_logits_.clear();
  kept_hidden_.clear();
}

void TreeNode::keep_row(std::size_t vocab_size, std::size_t hidden_size) {
  if (keeps_row()) return;
  kept_logits_.assign(row_.logits, row_.logits + vocab_size);
  if (row_.hidden != nullptr) kept_hidden_.assign(row_.hidden, row_.hidden + hidden_size);
  row_ = {kept_logits_.data(), kept_hidden_.empty() ? nullptr : kept_hidden_.data()};
  judge_.reset();
}

RowJudge& TreeNode::judge(std::size_t vocab_size, std::size_t alternative_count) {
  if (!judge_) judge_.emplace(std::span(row_.logits, vocab_size), alternative_count);
  return *judge_;
}

NodePtr ancestor(NodePtr node, std::size_t steps) {
  for (; steps > 0; --steps) node = node->parent();
  return node;
}

void judge_path(const NodePtr& node, std::size_t vocab_size, std::size_t alternative_count) {
  std::vector<TreeNode*> open;
  for (TreeNode* at = node.get(); at->parent() != nullptr && !at->record; at = at->parent().get()) {
    open.push_back(at);
  }
  for (auto at = open.rbegin(); at != open.rend(); ++at) {
    RowJudge& judge = (*at)->parent()->judge(vocab_size, alternative_count);
    if (judge.problem() != nullptr) throw unusable_logits((*at)->depth() - 1);
    (*at)->record = judge.judge((*at)->token());
  }
}

std::vector<TokenRecord> records_to(const TreeNode& node) {
  std::vector<TokenRecord> records;
  for (const TreeNode* at = &node; at->parent() != nullptr; at = at->parent().get()) {
    records.push_back(*at->record);
  }
  std::reverse(records.begin(), records.end());
  return records;
}

Error unusable_logits(std::size_t token_count, const char* speaker) {
  return {Fault::plugin, fmt::format("the {} gave no usable logits after {} tokens: NaN, "
                                     "infinity, or nothing but -infinity",
                                     speaker, token_count)};
}

}  // namespace trellis::decode
