/// A recurrent language model (Mikolov et al. 2010; Sundermeyer, Schlueter and Ney 2012):
/// embedding, a stack of tanh, LSTM or GRU cells, output layer. README.md has the equations.
#pragma once

#include <vector>

#include "core/nn/network.hpp"
#include "core/nn/recurrent.hpp"
#include "plugins/models/rnn/readout.hpp"
#include "plugins/models/rnn/recurrent_rows.hpp"

namespace trellis::models {

struct RnnOptions {
  nn::Cell cell = nn::Cell::lstm;
  std::int64_t vocab = 0;
  std::int64_t embedding = 256;
  std::int64_t hidden = 256;
  std::int64_t layers = 2;
  bool tied_embeddings = false;
};

class RnnLanguageModel : public nn::Network {
 public:
  RnnLanguageModel(const RnnOptions& options, std::uint64_t seed);

  nn::Tensor hidden(const nn::Batch& batch, std::vector<nn::AttentionMap>* maps) override;
  nn::Tensor logits(const nn::Tensor& hidden) override;
  std::int64_t hidden_size() const override { return readout_.size; }
  nn::StateCost state_cost() const override { return row_cost(rnn_.shape()); }
  std::unique_ptr<nn::NetworkState> open(std::span<const std::int32_t> source) override;
  nn::Tensor feed(std::span<const nn::Feed> feeds) override;

 private:
  nn::Embedding embedding_;
  nn::Recurrent rnn_;
  Readout readout_;
};

}  // namespace trellis::models
