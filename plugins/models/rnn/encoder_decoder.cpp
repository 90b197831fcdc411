#include "plugins/models/rnn/encoder_decoder.hpp"

#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "plugins/models/rnn/recurrent_rows.hpp"

namespace trellis::models {
namespace {

using nn::Tensor;

struct DecoderState : nn::NetworkState {
  std::unique_ptr<nn::NetworkState> fork() const override {
    return std::make_unique<DecoderState>(*this);
  }
  RecurrentRow row;
  std::shared_ptr<kernels::KvCache> memory;  // what attention looks at; null without it
};

// The encoder's last states, forward beside backward // [rows, 2 * hidden], of its top layer.
Tensor last_states(const Tensor& states) {
  const std::int64_t top = states.size(0);
  return at::cat({states[top - 2], states[top - 1]}, -1);
}

}  // namespace

RnnAttention attention_from_name(const std::string& name) {
  if (name == "none") return RnnAttention::none;
  if (name == "bahdanau") return RnnAttention::bahdanau;
  if (name == "luong") return RnnAttention::luong;
  throw Error(Fault::usage, "attention = \"" + name + "\": must be none, bahdanau or luong");
}

RnnEncoderDecoder::RnnEncoderDecoder(const RnnOptions& options, RnnAttention attention,
                                     std::uint64_t seed)
    : Network(seed), attention_(attention), embedding_size_(options.embedding) {
  const nn::Init normal{nn::Init::Kind::normal, 0.1};
  const std::int64_t hidden = options.hidden;
  const std::int64_t memory = 2 * hidden;
  source_ = nn::Embedding(parameters, "source_embedding", options.vocab, options.embedding, normal);
  target_ = options.tied_embeddings ? source_
                                    : nn::Embedding(parameters, "target_embedding", options.vocab,
                                                    options.embedding, normal);
  encoder_ = nn::Recurrent(parameters, "encoder",
                           {options.cell, options.embedding, hidden, options.layers, true});
  bridge_ = nn::Linear(parameters, "bridge", memory, options.layers * hidden);
  if (options.cell == nn::Cell::lstm)
    bridge_cell_ = nn::Linear(parameters, "bridge_cell", memory, options.layers * hidden);
  std::int64_t input = options.embedding;
  std::int64_t read = hidden;
  if (attention == RnnAttention::bahdanau) {
    input += memory;
    read += memory + options.embedding;
    bahdanau_ = nn::BahdanauAttention(parameters, "attention", hidden, memory, hidden);
  } else if (attention == RnnAttention::luong) {
    luong_ = nn::LuongAttention(parameters, "attention", hidden, memory);
    combine_ = nn::Linear(parameters, "combine", memory + hidden, hidden, false);
  }
  decoder_ =
      nn::Recurrent(parameters, "decoder", {options.cell, input, hidden, options.layers, false});
  readout_ = options.tied_embeddings ? Readout(parameters, read, options.embedding, source_)
                                     : Readout(parameters, read, options.vocab);
}

RnnEncoderDecoder::Encoded RnnEncoderDecoder::encode(const Tensor& source,
                                                     const Tensor& lengths) const {
  const Tensor x = nn::dropout(source_(source), dropout);
  const nn::RecurrentResult read = encoder_.forward_ragged(x, lengths, dropout);
  Encoded encoded;
  encoded.memory.output = nn::dropout(read.output, dropout);
  if (attention_ == RnnAttention::bahdanau)
    encoded.memory.keys = bahdanau_.key(encoded.memory.output);
  if (attention_ == RnnAttention::luong) encoded.memory.keys = luong_.key(encoded.memory.output);
  encoded.memory.mask = nn::padding_mask(lengths, source.size(1));

  const nn::RecurrentShape& shape = decoder_.shape();
  const auto bridge = [&](const nn::Linear& linear, const Tensor& states) {
    return nn::tanh(linear(last_states(states)))
        .view({source.size(0), shape.layers, shape.hidden})
        .transpose(0, 1)
        .contiguous();
  };
  encoded.start.hidden = bridge(bridge_, read.state.hidden);
  if (shape.cell == nn::Cell::lstm) encoded.start.cell = bridge(bridge_cell_, read.state.cell);
  return encoded;
}

// The embedding's share of the first layer's gates, for any number of steps at once.
Tensor RnnEncoderDecoder::gates(const Tensor& embedded) const {
  return at::linear(embedded, decoder_.weight_ih().narrow(1, 0, embedding_size_),
                    decoder_.bias_ih());
}

// What the output layer reads after the states // [rows, steps, hidden].
Tensor RnnEncoderDecoder::attentional(const Tensor& states, const Memory& memory,
                                      Tensor* weights) const {
  if (attention_ == RnnAttention::none) return nn::dropout(states, dropout);
  const Tensor mask = memory.mask.defined() ? memory.mask.unsqueeze(1) : Tensor();
  const Tensor seen = luong_(states, memory.keys, mask);
  if (weights != nullptr) *weights = seen;
  const Tensor context = at::matmul(seen, memory.output);
  return nn::dropout(at::tanh(combine_(at::cat({context, states}, -1))), dropout);
}

RnnEncoderDecoder::StepResult RnnEncoderDecoder::step(const Tensor& embedded,
                                                      const Tensor& embedded_gates,
                                                      nn::StepState& state,
                                                      const Memory& memory) const {
  StepResult result;
  if (attention_ != RnnAttention::bahdanau) {
    decoder_.step(embedded_gates, state, dropout);
    result.hidden =
        attentional(state.hidden.back().unsqueeze(1), memory, &result.weights).squeeze(1);
    return result;
  }
  result.weights = bahdanau_(state.hidden.back(), memory.keys, memory.mask);
  const Tensor context = at::bmm(result.weights.unsqueeze(1), memory.output).squeeze(1);
  const Tensor weight =
      decoder_.weight_ih().narrow(1, embedding_size_, decoder_.shape().input - embedding_size_);
  decoder_.step(embedded_gates + at::linear(context, weight), state, dropout);
  result.hidden = nn::dropout(at::cat({state.hidden.back(), context, embedded}, -1), dropout);
  return result;
}

Tensor RnnEncoderDecoder::hidden(const nn::Batch& batch, std::vector<nn::AttentionMap>* maps) {
  const Encoded encoded = encode(batch.source, batch.source_lengths);
  const Tensor embedded = nn::dropout(target_(batch.input), dropout);
  Tensor weights;
  Tensor hidden;
  if (attention_ == RnnAttention::bahdanau) {  // each step needs the context of the one before
    const auto inputs = embedded.unbind(1);
    const auto input_gates = gates(embedded).unbind(1);
    nn::StepState state = nn::to_steps(encoded.start);
    std::vector<Tensor> outputs;
    std::vector<Tensor> rows;
    for (std::size_t t = 0; t < inputs.size(); ++t) {
      StepResult result = step(inputs[t], input_gates[t], state, encoded.memory);
      outputs.push_back(std::move(result.hidden));
      if (maps != nullptr) rows.push_back(std::move(result.weights));
    }
    hidden = at::stack(outputs, 1);
    if (maps != nullptr) weights = at::stack(rows, 1);
  } else {
    const Tensor states = decoder_.forward(embedded, encoded.start, dropout).output;
    hidden = attentional(states, encoded.memory, &weights);
  }
  if (maps != nullptr && weights.defined()) maps->push_back({"cross", 0, weights.unsqueeze(1)});
  return readout_(hidden, dropout);
}

Tensor RnnEncoderDecoder::logits(const Tensor& hidden) {
  return readout_.logits(hidden);
}

std::unique_ptr<nn::NetworkState> RnnEncoderDecoder::open(std::span<const std::int32_t> source) {
  const Encoded encoded = encode(nn::ids_tensor(source.data(), source.size()),
                                 at::tensor({static_cast<std::int64_t>(source.size())}, at::kLong));
  auto state = std::make_unique<DecoderState>();
  scatter(encoded.start, {&state->row});
  if (attention_ != RnnAttention::none)
    state->memory = std::make_shared<kernels::KvCache>(
        nn::make_memory(encoded.memory.keys.squeeze(0), encoded.memory.output.squeeze(0)));
  return state;
}

// One step for generation; changes `state`. Returns what the readout reads.
Tensor RnnEncoderDecoder::infer(const Tensor& embedded, nn::RecurrentState& state,
                                std::span<const nn::CachePart> memories) const {
  Tensor input = embedded;
  Tensor context;
  if (attention_ == RnnAttention::bahdanau) {
    context = bahdanau_.cached(state.hidden[state.hidden.size(0) - 1], memories);
    input = at::cat({embedded, context}, -1);
  }
  nn::RecurrentResult result = decoder_.forward(input.unsqueeze(1), state, 0.0);
  state = std::move(result.state);
  const Tensor top = result.output.squeeze(1);
  switch (attention_) {
    case RnnAttention::none:
      return top;
    case RnnAttention::bahdanau:
      return at::cat({top, context, embedded}, -1);
    case RnnAttention::luong:
      break;
  }
  return nn::tanh(combine_(at::cat({luong_.cached(top, memories), top}, -1)));
}

Tensor RnnEncoderDecoder::feed(std::span<const nn::Feed> feeds) {
  const Tensor embedded = target_(nn::concatenate_tokens(feeds));
  std::vector<std::int64_t> first;  // of each feed among the tokens
  std::size_t longest = 0;
  std::int64_t count = 0;
  for (const nn::Feed& feed : feeds) {
    first.push_back(count);
    count += static_cast<std::int64_t>(feed.tokens.size());
    longest = std::max(longest, feed.tokens.size());
  }
  Tensor hidden = at::empty({count, readout_.size});
  for (std::size_t t = 0; t < longest; ++t) {
    std::vector<RecurrentRow*> rows;
    std::vector<nn::CachePart> memories;
    std::vector<std::int64_t> places;
    for (std::size_t i = 0; i < feeds.size(); ++i) {
      if (feeds[i].tokens.size() <= t) continue;
      auto* state = static_cast<DecoderState*>(feeds[i].state);
      rows.push_back(&state->row);
      memories.push_back({state->memory.get(), 1});
      places.push_back(first[i] + static_cast<std::int64_t>(t));
    }
    const Tensor where = at::tensor(at::ArrayRef<std::int64_t>(places), at::kLong);
    nn::RecurrentState batch = gather(rows, decoder_.shape());
    const Tensor read = infer(embedded.index_select(0, where), batch, memories);
    hidden.index_copy_(0, where, readout_(read, 0.0));
    scatter(batch, rows);
  }
  return hidden;
}

}  // namespace trellis::models
