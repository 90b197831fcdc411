/// A recurrent encoder-decoder, with additive (Bahdanau, Cho and Bengio 2015), multiplicative
/// (Luong, Pham and Manning 2015) or no attention (Sutskever, Vinyals and Le 2014). README.md has
/// the equations.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/nn/attention.hpp"
#include "core/nn/network.hpp"
#include "core/nn/recurrent.hpp"
#include "plugins/models/rnn/language_model.hpp"

namespace trellis::models {

enum class RnnAttention { none, bahdanau, luong };

RnnAttention attention_from_name(const std::string& name);

class RnnEncoderDecoder : public nn::Network {
 public:
  RnnEncoderDecoder(const RnnOptions& options, RnnAttention attention, std::uint64_t seed);

  nn::Tensor hidden(const nn::Batch& batch, std::vector<nn::AttentionMap>* maps) override;
  nn::Tensor logits(const nn::Tensor& hidden) override;
  std::int64_t hidden_size() const override { return readout_.size; }
  nn::StateCost state_cost() const override { return row_cost(decoder_.shape()); }
  std::unique_ptr<nn::NetworkState> open(std::span<const std::int32_t> source) override;
  nn::Tensor feed(std::span<const nn::Feed> feeds) override;

 private:
  // What the encoder leaves to the decoder.
  struct Memory {
    nn::Tensor output;  // [rows, source_length, 2 * hidden]
    nn::Tensor keys;    // [rows, source_length, hidden]: what attention compares with
    nn::Tensor mask;    // [rows, source_length], true behind the end; undefined without padding
  };
  struct Encoded {
    Memory memory;
    nn::RecurrentState start;
  };
  struct StepResult {
    nn::Tensor hidden;   // [rows, what the readout reads]
    nn::Tensor weights;  // [rows, source_length], undefined without attention
  };
  Encoded encode(const nn::Tensor& source, const nn::Tensor& lengths) const;
  // One step of the decoder // embedded [rows, embedding], gates = W_ih's embedding part + bias
  StepResult step(const nn::Tensor& embedded, const nn::Tensor& gates, nn::StepState& state,
                  const Memory& memory) const;
  nn::Tensor attentional(const nn::Tensor& states, const Memory& memory, nn::Tensor* weights) const;
  nn::Tensor gates(const nn::Tensor& embedded) const;
  nn::Tensor infer(const nn::Tensor& embedded, nn::RecurrentState& state,
                   std::span<const nn::CachePart> memories) const;

  RnnAttention attention_;
  std::int64_t embedding_size_;
  nn::Embedding source_;
  nn::Embedding target_;
  nn::Recurrent encoder_;
  nn::Linear bridge_;
  nn::Linear bridge_cell_;  // LSTM only
  nn::Recurrent decoder_;
  nn::BahdanauAttention bahdanau_;
  nn::LuongAttention luong_;
  nn::Linear combine_;
  Readout readout_;
};

}  // namespace trellis::models
