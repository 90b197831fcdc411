/// The work of one round: the nodes whose rows are wanted, each computed once whoever wants it.
///
/// A node's state is made from that of the nearest node above it that has one: taken over by the
/// last that needs it, forked for all others. States that nobody came back for are freed before
/// anything is forked. Prompts are read in the room that the other tokens leave in a feed, piece by
/// piece over several rounds, so that a long one holds nobody up. Used from one thread.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "core/decode/feed.hpp"
#include "core/decode/token_tree.hpp"

namespace trellis::decode {

/// What one wanted path cost, for sharing it out among those who wanted it.
struct FedPath {
  std::size_t tokens = 0;  ///< fed; 0: its rows were there already, or it must wait
  bool prompt = false;     ///< of the prompt itself
  bool begins = false;     ///< it is the first part of the prompt
  bool ready = true;       ///< false: the prompt is not read to its end, so want it again
};

/// The states that are alive, as many bytes as the model says they take.
struct StateUse {
  std::size_t states = 0;
  std::uint64_t bytes = 0;  ///< 0 where the model does not say
};

class Frontier {
 public:
  /// hidden_size 0: no hidden rows are wanted. prompt_hidden: those of all the prompts' tokens are.
  Frontier(std::size_t vocab_size, std::size_t hidden_size, bool prompt_hidden)
      : vocab_size_(vocab_size),
        hidden_size_(hidden_size),
        prompt_hidden_(prompt_hidden),
        batch_(vocab_size, hidden_size) {}

  /// Asks for the rows after `node` and after the `rows` - 1 nodes above it. Returns an index into
  /// what run() gives. With `may_return` the sample may go on from one of those above in the next
  /// round.
  std::size_t want(const NodePtr& node, std::size_t rows, bool may_return);
  /// The node's state and row stay for those who start from it in later rounds.
  void hold(const NodePtr& node) { held_.push_back(node); }
  /// The state that `node` would go on from, its own or that of the nearest node above it, stays.
  void keep_state(const NodePtr& node) { kept_.push_back(node); }

  bool empty() const { return wants_.empty(); }
  /// Computes what was wanted, prompts as far as the limits allow, and starts anew. The rows stay
  /// where they are until the end of the round. Borrowed until the next run.
  const std::vector<FedPath>& run(plugin::Model& model, const FeedLimits& limits);
  /// The nodes whose rows the last run computed; until the end of the round.
  std::span<const NodePtr> computed() const { return with_row_; }
  /// The rows have been looked at. States of prefixes that nobody sits on, nor below, are freed.
  void end_round();

  /// After the last run, states of nodes that nobody sits on any more included.
  StateUse state_use(const plugin::ModelFacts& facts);

 private:
  struct Want {
    NodePtr node;
    std::size_t rows = 1;
    bool may_return = false;
    TreeNode* base = nullptr;  // whose state it goes on from; null: nothing to feed
    bool ready = true;
    std::vector<std::int32_t> tokens = {};  // from the base to the node
    plugin::State state = {};
    Rows fed = {};
  };
  struct Use {
    std::size_t count = 0;
    bool keep = false;
  };

  void find_base(Want& want);
  void cut_prompts(std::size_t max_tokens);
  void free_unused_states();
  void take_state(plugin::Model& model, Want& want);
  void note_prompt(const Want& want, FedPath& fed) const;
  void spread_rows(const Want& want);

  std::size_t vocab_size_;
  std::size_t hidden_size_;
  bool prompt_hidden_;
  FeedBatch batch_;
  std::vector<Want> wants_;
  std::unordered_map<const TreeNode*, std::size_t> index_;  // of wants by node
  std::unordered_map<const TreeNode*, Use> uses_;           // of bases
  std::vector<NodePtr> held_;
  std::vector<NodePtr> kept_;
  std::vector<NodePtr> with_state_;
  std::vector<NodePtr> with_row_;  // borrowed from the batch
  std::vector<FedPath> fed_;
  std::uint64_t state_count_ = 0;  // how often states were counted
};

}  // namespace trellis::decode
