/// Judging chosen tokens by the model's own distribution, and keeping the judgements of all live
/// hypotheses without copying their common beginnings.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/decode/generate.hpp"
#include "core/kernels/distribution.hpp"

namespace trellis::decode {

/// One row of logits. What is asked for more than once is computed once. Borrows the row.
class RowJudge {
 public:
  /// logits: [vocab_size]
  RowJudge(std::span<const float> logits, std::size_t alternative_count);

  /// What is wrong with the row, or null when a token can be chosen from it.
  const char* problem() const;
  double log_sum_exp() const { return distribution_.log_sum_exp; }
  TokenRecord judge(std::int32_t token);

 private:
  void list_alternatives();

  std::span<const float> logits_;
  std::size_t alternative_count_;
  kernels::Distribution distribution_;
  std::vector<Alternative> alternatives_;
  bool listed_ = false;
};

/// Records of every token that was ever part of a hypothesis of one sample; each points to the one
/// before it.
class RecordTree {
 public:
  using Node = std::int32_t;
  static constexpr Node kRoot = -1;

  Node add(Node before, TokenRecord record);
  /// The node `steps` tokens before.
  Node back(Node node, std::size_t steps) const;
  /// The records from the first token to `node`.
  std::vector<TokenRecord> path(Node node) const;

 private:
  struct Entry {
    TokenRecord record;
    Node before;
  };
  std::vector<Entry> entries_;
};

}  // namespace trellis::decode
