/// Judging chosen tokens by the model's own distribution.
#pragma once

#include <cstdint>
#include <span>
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
  TokenRecord judge(std::int32_t token);

 private:
  void list_alternatives();

  std::span<const float> logits_;
  std::size_t alternative_count_;
  kernels::Distribution distribution_;
  std::vector<Alternative> alternatives_;
  bool listed_ = false;
};

}  // namespace trellis::decode
