#include "plugins/models/rnn/language_model.hpp"

#include <algorithm>
#include <numeric>

#include "plugins/models/rnn/recurrent_rows.hpp"

namespace trellis::models {
namespace {

using nn::Tensor;

struct RnnState : nn::NetworkState {
  std::unique_ptr<nn::NetworkState> fork() const override {
    return std::make_unique<RnnState>(*this);
  }
  RecurrentRow row;
};

// The tokens of all feeds step by step, as torch packs them: all first tokens, all second ones, ...
struct Packing {
  std::vector<std::size_t> order;           // feeds, the longest first
  std::vector<std::int64_t> batch_sizes;    // feeds that have a token at this step
  std::vector<std::int64_t> packed_places;  // of each token, in the order of the feeds
};

Packing pack(std::span<const nn::Feed> feeds) {
  Packing packing;
  packing.order.resize(feeds.size());
  std::iota(packing.order.begin(), packing.order.end(), 0U);
  std::stable_sort(packing.order.begin(), packing.order.end(), [&](std::size_t a, std::size_t b) {
    return feeds[a].tokens.size() > feeds[b].tokens.size();
  });
  std::vector<std::vector<std::int64_t>> places(feeds.size());
  std::int64_t next = 0;
  for (std::size_t step = 0; step < feeds[packing.order[0]].tokens.size(); ++step) {
    std::int64_t live = 0;
    for (const std::size_t feed : packing.order) {
      if (feeds[feed].tokens.size() <= step) break;
      places[feed].push_back(next++);
      ++live;
    }
    packing.batch_sizes.push_back(live);
  }
  for (const auto& feed : places)
    packing.packed_places.insert(packing.packed_places.end(), feed.begin(), feed.end());
  return packing;
}

Tensor as_tensor(const std::vector<std::int64_t>& values) {
  return at::tensor(at::ArrayRef<std::int64_t>(values), at::kLong);
}

}  // namespace

RnnLanguageModel::RnnLanguageModel(const RnnOptions& options, std::uint64_t seed) : Network(seed) {
  embedding_ = nn::Embedding(parameters, "embedding", options.vocab, options.embedding,
                             {nn::Init::Kind::normal, 0.1});
  rnn_ = nn::Recurrent(parameters, "rnn",
                       {options.cell, options.embedding, options.hidden, options.layers, false});
  readout_ = options.tied_embeddings
                 ? Readout(parameters, options.hidden, options.embedding, embedding_)
                 : Readout(parameters, options.hidden, options.vocab);
}

Tensor RnnLanguageModel::hidden(const nn::Batch& batch, std::vector<nn::AttentionMap>* /*maps*/) {
  const Tensor x = nn::dropout(embedding_(batch.input), dropout);
  // Padding is at the right, so it comes after everything that counts.
  const Tensor output = rnn_.forward(x, rnn_.zero_state(x.size(0)), dropout).output;
  return readout_(nn::dropout(output, dropout), dropout);
}

Tensor RnnLanguageModel::logits(const Tensor& hidden) {
  return readout_.logits(hidden);
}

std::unique_ptr<nn::NetworkState> RnnLanguageModel::open(std::span<const std::int32_t> /*source*/) {
  auto state = std::make_unique<RnnState>();
  scatter(rnn_.zero_state(1), {&state->row});
  return state;
}

Tensor RnnLanguageModel::feed(std::span<const nn::Feed> feeds) {
  const Packing packing = pack(feeds);
  std::vector<RecurrentRow*> rows;
  for (const std::size_t feed : packing.order)
    rows.push_back(&static_cast<RnnState*>(feeds[feed].state)->row);
  const Tensor embedded = embedding_(nn::concatenate_tokens(feeds));
  const nn::RecurrentState start = gather(rows, rnn_.shape());
  if (packing.batch_sizes.size() == 1) {  // one token each: no need to reorder anything
    const auto result = rnn_.forward(embedded.unsqueeze(1), start, 0.0);
    scatter(result.state, rows);
    return readout_(result.output.squeeze(1), 0.0);
  }
  const Tensor places = as_tensor(packing.packed_places);
  const Tensor data = at::empty_like(embedded).index_copy_(0, places, embedded);
  const auto result = rnn_.forward_packed(data, as_tensor(packing.batch_sizes), start, 0.0);
  scatter(result.state, rows);
  return readout_(result.output.index_select(0, places), 0.0);
}

}  // namespace trellis::models
