/// The tokens that samples have tried after one prompt, as a tree.
///
/// A node stands for a prefix: the prompt at the root, the prompt and some tokens below. All
/// samples that reach a prefix, whatever their strategy, sit on the same node, so what the model
/// says after it is computed once and a token is judged once. Nodes live as long as someone sits on
/// them or below them. Used from one thread, but for judging different nodes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/decode/token_records.hpp"
#include "core/plugin/model.hpp"

namespace trellis::decode {

class TreeNode;
using NodePtr = std::shared_ptr<TreeNode>;

/// What the model said after a node. Borrowed from the frontier's batch, or kept by the node.
struct NodeRow {
  const float* logits = nullptr;  ///< [vocab_size]; null: not computed, or no longer there
  const float* hidden = nullptr;  ///< [hidden_size], or null
};

class TreeNode {
 public:
  /// A root. `prompt`: the decoder's tokens, which the state has not been fed yet. The encoder's
  /// tokens are in the state already.
  static NodePtr root(std::vector<std::int32_t> prompt, plugin::State state,
                      std::size_t encoder_tokens = 0);
  /// The child of `parent` for a token; made where there is none.
  static NodePtr child(const NodePtr& parent, std::int32_t token);
  /// A child that nobody else finds, for tokens whose rows depend on what stands behind them. Under
  /// its parent all are of this kind, or none.
  static NodePtr apart(const NodePtr& parent, std::int32_t token);
  ~TreeNode();
  TreeNode(const TreeNode&) = delete;
  TreeNode& operator=(const TreeNode&) = delete;

  const NodePtr& parent() const { return parent_; }                 ///< null at the root
  std::int32_t token() const { return token_; }                     ///< undefined at the root
  std::size_t depth() const { return depth_; }                      ///< tokens after the prompt
  std::span<const std::int32_t> prompt() const { return prompt_; }  ///< of the root; empty below

  /// The row after this node. A new one takes away the judgement of the old one.
  const NodeRow& row() const { return row_; }
  void set_row(const NodeRow& row);
  /// Copies the row, so that it outlives the batch it was borrowed from.
  void keep_row(std::size_t vocab_size, std::size_t hidden_size);
  bool keeps_row() const { return !kept_logits_.empty(); }

  /// The distribution after this node; needs the row.
  RowJudge& judge(std::size_t vocab_size, std::size_t alternative_count);

  std::size_t encoder_tokens() const { return encoder_tokens_; }  ///< of the root; 0 below

  std::size_t prompt_read = 0;        ///< of the root: how many of the prompt's tokens were fed
  std::vector<float> prompt_hidden;   ///< of the root: [prompt_read, hidden_size] where wanted
  std::uint64_t counted_in = 0;       ///< the count of states that last came by
  std::optional<TokenRecord> record;  ///< of this node's token, once it was judged
  plugin::State state;                ///< after this node's token; empty where nobody needs it

 private:
  TreeNode() = default;

  NodePtr parent_;
  std::int32_t token_ = -1;
  std::size_t depth_ = 0;
  std::vector<std::int32_t> prompt_;
  std::size_t encoder_tokens_ = 0;
  std::map<std::int32_t, std::weak_ptr<TreeNode>> children_;
  NodeRow row_;
  std::vector<float> kept_logits_;
  std::vector<float> kept_hidden_;
  std::optional<RowJudge> judge_;
};

/// The node `steps` tokens before `node`.
NodePtr ancestor(NodePtr node, std::size_t steps);

/// Judges the tokens of `node` and of those above it that have no record yet. The rows above them
/// must be there. Throws Error(plugin) when one of these is no distribution.
void judge_path(const NodePtr& node, std::size_t vocab_size, std::size_t alternative_count);

/// The records from the first token to `node`; all must have been judged.
std::vector<TokenRecord> records_to(const TreeNode& node);

/// What is said of a row that nothing can be chosen from. `speaker`: who gave it.
Error unusable_logits(std::size_t token_count, const char* speaker = "model");

}  // namespace trellis::decode
