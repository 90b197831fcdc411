/// The ragged batch of a round: what is fed, and where the rows that come back lie.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/plugin/model.hpp"

namespace trellis::decode {

/// Rows that a feed gave for one state. Borrowed from the batch until its next round.
struct Rows {
  const float* logits = nullptr;  ///< [count, vocab_size]
  const float* hidden = nullptr;  ///< [count, hidden_size], or null
  std::size_t count = 0;
};

/// How much one call to the model may hold.
struct FeedLimits {
  std::size_t items = 1;   ///< states, at least 1
  std::size_t tokens = 1;  ///< at least 1; a single item may have more
};

class FeedBatch {
 public:
  /// hidden_size 0: no hidden rows are wanted.
  FeedBatch(std::size_t vocab_size, std::size_t hidden_size)
      : vocab_size_(vocab_size), hidden_size_(hidden_size) {}

  /// Asks for the last `row_count` rows after `tokens`, with or without logits; `rows` is filled in
  /// by run(). All that is passed is borrowed until then.
  void add(const plugin::State& state, std::span<const std::int32_t> tokens, std::size_t row_count,
           Rows& rows, bool logits = true);
  bool empty() const { return items_.empty(); }
  /// Feeds everything that was added, in as few calls as the limits allow, and starts anew.
  void run(plugin::Model& model, const FeedLimits& limits);

 private:
  std::size_t vocab_size_;
  std::size_t hidden_size_;
  std::vector<trellis_feed_item> items_;
  std::vector<Rows*> targets_;
  std::vector<bool> with_logits_;  // by item
  std::size_t row_total_ = 0;
  std::size_t logit_row_total_ = 0;
  std::vector<float> logits_;  // [at least row_total, vocab_size]
  std::vector<float> hidden_;
};

}  // namespace trellis::decode
