#include "core/decode/feed.hpp"

#include <algorithm>

namespace trellis::decode {

void FeedBatch::add(const plugin::State& state, std::span<const std::int32_t> tokens,
                    std::size_t row_count, Rows& rows, bool logits) {
  trellis_feed_item item{};
  item.state = state.get();
  item.tokens = tokens.data();
  item.token_count = tokens.size();
  item.row_count = row_count;
  items_.push_back(item);
  targets_.push_back(&rows);
  with_logits_.push_back(logits);
  row_total_ += row_count;
  if (logits) logit_row_total_ += row_count;
}

void FeedBatch::run(plugin::Model& model, const FeedLimits& limits) {
  // The buffers only ever grow: shrinking and growing would clear them again each time.
  logits_.resize(std::max(logits_.size(), logit_row_total_ * vocab_size_));
  hidden_.resize(std::max(hidden_.size(), row_total_ * hidden_size_));
  std::size_t row = 0;
  std::size_t logit_row = 0;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    auto& item = items_[i];
    if (item.row_count > 0) {
      if (with_logits_[i]) item.logits = logits_.data() + logit_row * vocab_size_;
      if (hidden_size_ > 0) item.hidden = hidden_.data() + row * hidden_size_;
    }
    *targets_[i] = {item.logits, item.hidden, item.row_count};
    row += item.row_count;
    if (with_logits_[i]) logit_row += item.row_count;
  }
  for (std::size_t begin = 0; begin < items_.size();) {
    std::size_t end = begin;
    std::size_t tokens = 0;
    do {
      tokens += items_[end++].token_count;
    } while (end < items_.size() && end - begin < limits.items &&
             tokens + items_[end].token_count <= limits.tokens);
    model.feed(std::span(items_).subspan(begin, end - begin));
    begin = end;
  }
  items_.clear();
  targets_.clear();
  with_logits_.clear();
  row_total_ = 0;
  logit_row_total_ = 0;
}

}  // namespace trellis::decode
