#include "core/nn/network.hpp"

#include <algorithm>

namespace trellis::nn {
namespace {

Tensor copy_ids(const std::vector<std::int64_t>& ids, at::IntArrayRef shape) {
  Tensor tensor = at::empty(shape, at::kLong);
  std::copy(ids.begin(), ids.end(), tensor.data_ptr<std::int64_t>());
  return tensor;
}

void write_rows(const Tensor& from, std::int64_t first, std::size_t rows, float* to) {
  const std::int64_t width = from.size(1);
  std::copy_n(from.data_ptr<float>() + first * width, static_cast<std::int64_t>(rows) * width, to);
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
  std::vector<std::int64_t> wanted;  // rows, counted over the tokens of all requests
  std::int64_t count = 0;
  for (const FeedRequest& request : requests) {
    feeds.push_back({request.state, request.tokens});
    count += static_cast<std::int64_t>(request.tokens.size());
    for (std::size_t row = request.rows; row > 0; --row)
      wanted.push_back(count - static_cast<std::int64_t>(row));
  }
  Tensor hidden = network.feed(feeds);
  for (const FeedRequest& request : requests) request.state->length += request.tokens.size();
  if (wanted.empty()) return;
  if (static_cast<std::int64_t>(wanted.size()) < count)
    hidden = hidden.index_select(0, at::tensor(at::ArrayRef<std::int64_t>(wanted), at::kLong));
  hidden = hidden.contiguous();
  const bool any_logits =
      std::ranges::any_of(requests, [](const FeedRequest& r) { return r.logits != nullptr; });
  const Tensor logits = any_logits ? network.logits(hidden).contiguous() : Tensor();
  std::int64_t first = 0;
  for (const FeedRequest& request : requests) {
    if (request.logits != nullptr) write_rows(logits, first, request.rows, request.logits);
    if (request.hidden != nullptr) write_rows(hidden, first, request.rows, request.hidden);
    first += static_cast<std::int64_t>(request.rows);
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
