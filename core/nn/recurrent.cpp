#include "core/nn/recurrent.hpp"

#include <cmath>

#include "core/error.hpp"

namespace trellis::nn {
namespace {

// New hidden state of one cell; `cell` is the LSTM's memory and is changed.
Tensor advance(Cell kind, const Tensor& from_input, const Tensor& from_hidden, const Tensor& hidden,
               Tensor* cell) {
  if (kind == Cell::rnn) return at::tanh(from_input + from_hidden);
  if (kind == Cell::lstm) {
    const auto gates = (from_input + from_hidden).chunk(4, -1);
    *cell = at::sigmoid(gates[1]) * *cell + at::sigmoid(gates[0]) * at::tanh(gates[2]);
    return at::sigmoid(gates[3]) * at::tanh(*cell);
  }
  const auto x = from_input.chunk(3, -1);
  const auto h = from_hidden.chunk(3, -1);
  const Tensor reset = at::sigmoid(x[0] + h[0]);
  const Tensor update = at::sigmoid(x[1] + h[1]);
  const Tensor candidate = at::tanh(x[2] + reset * h[2]);
  return candidate + update * (hidden - candidate);
}

std::int64_t gate_count(Cell cell) {
  switch (cell) {
    case Cell::lstm:
      return 4;
    case Cell::gru:
      return 3;
    default:
      return 1;
  }
}

}  // namespace

Cell cell_from_name(const std::string& name) {
  if (name == "rnn") return Cell::rnn;
  if (name == "lstm") return Cell::lstm;
  if (name == "gru") return Cell::gru;
  throw Error(Fault::usage, "cell = \"" + name + "\": must be rnn, lstm or gru");
}

StepState to_steps(const RecurrentState& state) {
  StepState steps;
  steps.hidden = state.hidden.unbind(0);
  if (state.cell.defined()) steps.cell = state.cell.unbind(0);
  return steps;
}

Recurrent::Recurrent(Parameters& parameters, const std::string& name, const RecurrentShape& shape)
    : shape_(shape) {
  const Init init{Init::Kind::uniform, 1.0 / std::sqrt(static_cast<double>(shape.hidden))};
  const std::int64_t rows = gate_count(shape.cell) * shape.hidden;
  const std::int64_t directions = shape.bidirectional ? 2 : 1;
  for (std::int64_t layer = 0; layer < shape.layers; ++layer) {
    const std::int64_t input = layer == 0 ? shape.input : shape.hidden * directions;
    for (std::int64_t direction = 0; direction < directions; ++direction) {
      const std::string end = "_l" + std::to_string(layer) + (direction == 1 ? "_reverse" : "");
      Direction made;
      made.input = parameters.add_matrix(name + ".weight_ih" + end, rows, input, init);
      made.hidden = parameters.add_matrix(name + ".weight_hh" + end, rows, shape.hidden, init);
      made.input_bias = parameters.add(name + ".bias_ih" + end, {rows}, init);
      made.hidden_bias = parameters.add(name + ".bias_hh" + end, {rows}, init);
      made.input->pack_when_frozen();
      made.hidden->pack_when_frozen();
      for (const Tensor& weights :
           {made.input->weight(), made.hidden->weight(), made.input_bias, made.hidden_bias})
        weights_.push_back(weights);
      directions_.push_back(std::move(made));
    }
  }
}

RecurrentState Recurrent::zero_state(std::int64_t rows) const {
  const std::int64_t stacks = shape_.layers * (shape_.bidirectional ? 2 : 1);
  RecurrentState state;
  state.hidden = at::zeros({stacks, rows, shape_.hidden});
  if (shape_.cell == Cell::lstm) state.cell = at::zeros({stacks, rows, shape_.hidden});
  return state;
}

RecurrentResult Recurrent::forward(const Tensor& x, const RecurrentState& start,
                                   double dropout) const {
  if (in_inference()) {  // step by step: the first of all rows, the second ...
    const Tensor data = x.transpose(0, 1).flatten(0, 1);
    const std::vector<std::int64_t> sizes(static_cast<std::size_t>(x.size(1)), x.size(0));
    RecurrentResult result = infer(data, sizes, start);
    result.output = result.output.view({x.size(1), x.size(0), -1}).transpose(0, 1);
    return result;
  }
  const bool train = dropout > 0;
  if (shape_.cell == Cell::lstm) {
    auto [output, hidden, cell] =
        at::lstm(x, {start.hidden, start.cell}, weights_, true, shape_.layers, dropout, train,
                 shape_.bidirectional, true);
    return {output, {hidden, cell}};
  }
  const auto run = [&](auto operation) -> RecurrentResult {
    auto [output, hidden] = operation(x, start.hidden, weights_, true, shape_.layers, dropout,
                                      train, shape_.bidirectional, true);
    return {output, {hidden, {}}};
  };
  if (shape_.cell == Cell::gru)
    return run([](auto&&... arguments) { return at::gru(arguments...); });
  return run([](auto&&... arguments) { return at::rnn_tanh(arguments...); });
}

RecurrentResult Recurrent::forward_packed(const Tensor& data, const Tensor& batch_sizes,
                                          const RecurrentState& start, double dropout) const {
  if (in_inference()) {
    const auto* sizes = batch_sizes.data_ptr<std::int64_t>();
    return infer(data, {sizes, static_cast<std::size_t>(batch_sizes.numel())}, start);
  }
  const bool train = dropout > 0;
  if (shape_.cell == Cell::lstm) {
    auto [output, hidden, cell] =
        at::lstm(data, batch_sizes, {start.hidden, start.cell}, weights_, true, shape_.layers,
                 dropout, train, shape_.bidirectional);
    return {output, {hidden, cell}};
  }
  const auto run = [&](auto operation) -> RecurrentResult {
    auto [output, hidden] = operation(data, batch_sizes, start.hidden, weights_, true,
                                      shape_.layers, dropout, train, shape_.bidirectional);
    return {output, {hidden, {}}};
  };
  if (shape_.cell == Cell::gru)
    return run([](auto&&... arguments) { return at::gru(arguments...); });
  return run([](auto&&... arguments) { return at::rnn_tanh(arguments...); });
}

RecurrentResult Recurrent::forward_ragged(const Tensor& x, const Tensor& lengths,
                                          double dropout) const {
  // Packing wants the longest row first.
  const auto [sorted, order] = lengths.sort(/*stable=*/true, /*dim=*/0, /*descending=*/true);
  const Tensor back = order.argsort();
  const auto [data, sizes] = at::_pack_padded_sequence(x.index_select(0, order), sorted, true);
  RecurrentResult result = forward_packed(data, sizes, zero_state(x.size(0)), dropout);
  const auto padded =
      std::get<0>(at::_pad_packed_sequence(result.output, sizes, true, 0.0, x.size(1)));
  result.output = padded.index_select(0, back);
  result.state.hidden = result.state.hidden.index_select(1, back);
  if (result.state.cell.defined()) result.state.cell = result.state.cell.index_select(1, back);
  return result;
}

void Recurrent::step(const Tensor& gates, StepState& state, double probability) const {
  Tensor from_input = gates;
  for (std::size_t layer = 0; layer < state.hidden.size(); ++layer) {
    const Tensor* weights = &weights_[4 * layer];
    if (layer > 0) {
      const Tensor below = nn::dropout(state.hidden[layer - 1], probability);
      from_input = at::linear(below, weights[0], weights[2]);
    }
    Tensor& hidden = state.hidden[layer];
    const Tensor from_hidden = at::linear(hidden, weights[1], weights[3]);
    hidden = advance(shape_.cell, from_input, from_hidden, hidden,
                     state.cell.empty() ? nullptr : &state.cell[layer]);
  }
}

}  // namespace trellis::nn
