#include "core/nn/network.hpp"

#include <algorithm>

namespace trellis::nn {
namespace {

Tensor copy_ids(const std::vector<std::int64_t>& ids, at::IntArrayRef shape) {
  Tensor tensor = at::empty(shape, at::kLong);
  std::copy(ids.begin(), ids.end(), tensor.data_ptr<std::int64_t>());
  return tensor;
}

Tensor select_rows(const Tensor& from, const std::vector<std::int64_t>& rows) {
  if (static_cast<std::int64_t>(rows.size()) == from.size(0)) return from.contiguous();
  return from.index_select(0, at::tensor(at::ArrayRef<std::int64_t>(rows), at::kLong));
}

// Copies rows from `next` on, and moves it behind them.
void write_rows(const Tensor& from, std::int64_t& next, std::size_t rows, float* to) {
  const std::int64_t width = from.size(1);
  std::copy_n(from.data_ptr<float>() + next * width, static_cast<std::int64_t>(rows) * width, to);
  next += static_cast<std::int64_t>(rows);
}

}  // namespace

Batch to_tensors(const BatchArrays& arrays) {
  const auto rows = static_cast<std::int64_t>(arrays.rows);
  const auto length = static_cast<std::int64_t>(arrays.length);
  Batch batch;
  if (arrays.source_length > 0) {
    batch.source = copy_ids(arrays.source, {rows, static_cast<std::int64_t>(arrays.source_length)});
    batch.source_lengths = copy_ids(arrays.source_lengths, {rows});
  }
  batch.input = copy_ids(arrays.input, {rows, length});
  batch.target = copy_ids(arrays.target, {rows, length});
  batch.target_count = static_cast<std::int64_t>(arrays.target_count);
  return batch;
}

Batch Network::lesson(const Batch& batch, std::uint64_t /*seed*/) const {
  return batch;
}

std::vector<ExpertUse> Network::take_expert_use() {
  std::vector<ExpertUse> taken = expert_use;
  for (ExpertUse& layer : expert_use) {
    std::ranges::fill(layer.tokens, 0);
    std::ranges::fill(layer.dropped, 0);
  }
  return taken;
}

Tensor counted_tokens(const Batch& batch) {
  return batch.target.defined() ? (batch.target != kIgnoredTarget).flatten() : Tensor();
}

Tensor cross_entropy(Network& network, const Batch& batch, double label_smoothing) {
  Tensor hidden = network.hidden(batch, nullptr).flatten(0, 1);
  Tensor target = batch.target.flatten();
  if (batch.target_count < target.numel()) {
    const Tensor learned = (target != kIgnoredTarget).nonzero().squeeze(1);
    hidden = hidden.index_select(0, learned);
    target = target.index_select(0, learned);
  }
  return at::cross_entropy_loss(network.logits(hidden), target, {}, at::Reduction::Mean,
                                kIgnoredTarget, label_smoothing);
}

void feed_rows(Network& network, std::span<const FeedRequest> requests) {
  std::vector<Feed> feeds;
  std::vector<std::int64_t> hidden_rows;  // counted over the tokens of all requests
  std::vector<std::int64_t> logit_rows;
  std::int64_t count = 0;
  for (const FeedRequest& request : requests) {
    feeds.push_back({request.state, request.tokens});
    count += static_cast<std::int64_t>(request.tokens.size());
    for (std::size_t row = request.rows; row > 0; --row) {
      const std::int64_t index = count - static_cast<std::int64_t>(row);
      if (request.hidden != nullptr) hidden_rows.push_back(index);
      if (request.logits != nullptr) logit_rows.push_back(index);
    }
  }
  const Tensor all = network.feed(feeds);
  for (const FeedRequest& request : requests) request.state->length += request.tokens.size();
  const Tensor hidden = select_rows(all, hidden_rows);
  const Tensor logits =
      logit_rows.empty() ? Tensor() : network.logits(select_rows(all, logit_rows)).contiguous();
  std::int64_t next_hidden = 0;
  std::int64_t next_logits = 0;
  for (const FeedRequest& request : requests) {
    if (request.hidden != nullptr) write_rows(hidden, next_hidden, request.rows, request.hidden);
    if (request.logits != nullptr) write_rows(logits, next_logits, request.rows, request.logits);
  }
}

Tensor concatenate_tokens(std::span<const Feed> feeds) {
  std::int64_t count = 0;
  for (const Feed& feed : feeds) count += static_cast<std::int64_t>(feed.tokens.size());
  Tensor ids = at::empty({count}, at::kLong);
  auto* next = ids.data_ptr<std::int64_t>();
  for (const Feed& feed : feeds) next = std::copy(feed.tokens.begin(), feed.tokens.end(), next);
  return ids;
}

}  // namespace trellis::nn
