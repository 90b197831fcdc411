#include "core/nn/network.hpp"

#include <algorithm>

namespace trellis::nn {
namespace {

Tensor copy_ids(const std::vector<std::int64_t>& ids, at::IntArrayRef shape) {
  Tensor tensor = at::empty(shape, at::kLong);
  std::copy(ids.begin(), ids.end(), tensor.data_ptr<std::int64_t>());
  return tensor;
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

Tensor concatenate_tokens(std::span<const Feed> feeds) {
  std::int64_t count = 0;
  for (const Feed& feed : feeds) count += static_cast<std::int64_t>(feed.tokens.size());
  Tensor ids = at::empty({count}, at::kLong);
  auto* next = ids.data_ptr<std::int64_t>();
  for (const Feed& feed : feeds) next = std::copy(feed.tokens.begin(), feed.tokens.end(), next);
  return ids;
}

}  // namespace trellis::nn
