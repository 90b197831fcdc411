/// Recurrent layers: tanh RNN (Elman 1990), LSTM (Hochreiter and Schmidhuber 1997), GRU (Cho et al.
/// 2014), in stacks and in both directions.
///
/// Parameters and equations are torch.nn.RNN's, LSTM's and GRU's: gates in the order i,f,g,o and
/// r,z,n, two bias vectors, n = tanh(W_in x + b_in + r * (W_hn h + b_hn)).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/nn/layers.hpp"

namespace trellis::nn {

enum class Cell { rnn, lstm, gru };

Cell cell_from_name(const std::string& name);

struct RecurrentShape {
  Cell cell = Cell::lstm;
  std::int64_t input = 0;
  std::int64_t hidden = 0;
  std::int64_t layers = 1;
  bool bidirectional = false;
};

/// States of a stack // [layers * directions, rows, hidden]; `cell` only for an LSTM.
struct RecurrentState {
  Tensor hidden;
  Tensor cell;
};

struct RecurrentResult {
  Tensor output;  ///< as the input, with hidden * directions at its end
  RecurrentState state;
};

/// The same, layer by layer // each [rows, hidden]; for stepping. `cell` is empty but for an LSTM.
struct StepState {
  std::vector<Tensor> hidden;
  std::vector<Tensor> cell;
};

StepState to_steps(const RecurrentState& state);

class Recurrent {
 public:
  Recurrent() = default;
  /// Weights uniform in +-1/sqrt(hidden), named as in torch ("name.weight_ih_l0").
  Recurrent(Parameters& parameters, const std::string& name, const RecurrentShape& shape);

  const RecurrentShape& shape() const { return shape_; }
  RecurrentState zero_state(std::int64_t rows) const;

  /// x // [rows, length, input]. Dropout acts between layers. In inference, here and below, a row
  /// gets the bits that it would get alone and step by step.
  RecurrentResult forward(const Tensor& x, const RecurrentState& start, double dropout) const;
  /// Packed rows (torch's PackedSequence): data // [tokens, input]
  RecurrentResult forward_packed(const Tensor& data, const Tensor& batch_sizes,
                                 const RecurrentState& start, double dropout) const;
  /// From the zero state over right-padded rows of these lengths: padding reaches neither outputs
  /// nor states; outputs there are 0.
  RecurrentResult forward_ragged(const Tensor& x, const Tensor& lengths, double dropout) const;

  /// One step of all layers, not bidirectional. `gates` // [rows, gates * hidden] is the first
  /// layer's W_ih x + b_ih, which the caller may compute for many steps at once. Changes `state`;
  /// its top layer is the output.
  void step(const Tensor& gates, StepState& state, double dropout) const;

  /// The first layer's input weights // [gates * hidden, input] and their bias; for training.
  const Tensor& weight_ih() const { return weights_[0]; }
  const Tensor& bias_ih() const { return weights_[2]; }

 private:
  struct Direction {
    MatrixPtr input;
    MatrixPtr hidden;
    Tensor input_bias;
    Tensor hidden_bias;
  };
  // forward_packed by kernels.
  RecurrentResult infer(const Tensor& data, std::span<const std::int64_t> batch_sizes,
                        const RecurrentState& start) const;
  void infer_direction(std::size_t index, const Tensor& data,
                       std::span<const std::int64_t> batch_sizes, RecurrentState& state,
                       Tensor& output) const;

  RecurrentShape shape_;
  std::vector<Direction> directions_;  // of all layers: forward, then backward where there is one
  std::vector<Tensor> weights_;  // the same as LibTorch takes them: W_ih, W_hh, b_ih, b_hh ...
};

}  // namespace trellis::nn
