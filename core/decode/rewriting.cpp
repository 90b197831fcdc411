// Moves of masked prediction: each is a whole block that takes the place of its parent's.
#include "core/decode/sample.hpp"

namespace trellis::decode {

// A token is judged by what was expected at its place when it was written, so one that stays keeps
// its record. The nodes are this hypothesis's own: what the model says of a place depends on all
// others, so no two blocks share a row.
void Sample::rewrite(const Move& move) {
  const auto& facts = context_.model.facts();
  const auto& parent = live_[move.parent];
  std::vector<TreeNode*> before(parent.tokens.size());
  TreeNode* at = parent.node.get();
  for (auto place = before.rbegin(); place != before.rend(); ++place, at = at->parent().get())
    *place = at;
  Hypothesis next;
  next.node = start_->root;
  for (std::size_t place = 0; place < move.tokens.size(); ++place) {
    const std::int32_t token = move.tokens[place];
    next.node = TreeNode::apart(next.node, token);
    if (token == *facts.mask) {
      next.node->record.emplace();
      next.node->record->token = token;
    } else if (before[place]->token() == token) {
      next.node->record = before[place]->record;
    } else {
      next.node->record =
          before[place]->judge(facts.vocab_size, context_.options.top_alternatives).judge(token);
    }
  }
  next.tokens = move.tokens;
  next.rows = next.tokens.size();
  next.score = move.score;
  if (move.finish) {
    next.number = finish_count_++;
    finish(next, *move.finish);
  } else {
    next_.push_back(std::move(next));
  }
}

}  // namespace trellis::decode
