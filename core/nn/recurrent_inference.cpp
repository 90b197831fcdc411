#include <algorithm>

#include "core/kernels/recurrent_cell.hpp"
#include "core/nn/recurrent.hpp"

namespace trellis::nn {
namespace {

void advance(Cell cell, kernels::ConstRows from_input, kernels::ConstRows from_hidden,
             kernels::Rows hidden, kernels::Rows memory) {
  const std::size_t size = hidden.stride;
  switch (cell) {
    case Cell::rnn:
      return kernels::rnn_cell(from_input, from_hidden, size, hidden);
    case Cell::lstm:
      return kernels::lstm_cell(from_input, from_hidden, size, memory, hidden);
    case Cell::gru:
      return kernels::gru_cell(from_input, from_hidden, size,
                               {hidden.data, hidden.count, hidden.stride}, hidden);
  }
}

}  // namespace

RecurrentResult Recurrent::infer(const Tensor& data, std::span<const std::int64_t> batch_sizes,
                                 const RecurrentState& start) const {
  const std::int64_t directions = shape_.bidirectional ? 2 : 1;
  RecurrentResult result;
  result.state.hidden = start.hidden.contiguous().clone();
  if (start.cell.defined()) result.state.cell = start.cell.contiguous().clone();
  result.output = data.contiguous();
  for (std::int64_t layer = 0; layer < shape_.layers; ++layer) {
    const Tensor below = result.output;
    result.output = at::empty({data.size(0), directions * shape_.hidden});
    for (std::int64_t direction = 0; direction < directions; ++direction)
      infer_direction(static_cast<std::size_t>(layer * directions + direction), below, batch_sizes,
                      result.state, result.output);
  }
  return result;
}

// One direction of a layer: all input gates at once, then step by step.
void Recurrent::infer_direction(std::size_t index, const Tensor& data,
                                std::span<const std::int64_t> batch_sizes, RecurrentState& state,
                                Tensor& output) const {
  const Direction& weights = directions_[index];
  const bool backward = shape_.bidirectional && index % 2 == 1;
  const auto size = static_cast<std::size_t>(shape_.hidden);
  const Tensor gates = weights.input->multiply(data, weights.input_bias);
  Tensor hidden = state.hidden[static_cast<std::int64_t>(index)];
  Tensor cell = state.cell.defined() ? state.cell[static_cast<std::int64_t>(index)] : Tensor();
  const kernels::ConstRows from_input = rows_of(gates);
  const kernels::Rows hidden_rows = rows_of(hidden);
  const kernels::Rows cell_rows = cell.defined() ? rows_of(cell) : kernels::Rows();
  const kernels::Rows out = rows_of(output);
  float* const column = out.data + (backward ? size : 0);

  std::vector<std::size_t> first(batch_sizes.size() + 1, 0);  // token of each step
  for (std::size_t step = 0; step < batch_sizes.size(); ++step)
    first[step + 1] = first[step] + static_cast<std::size_t>(batch_sizes[step]);
  for (std::size_t i = 0; i < batch_sizes.size(); ++i) {
    const std::size_t step = backward ? batch_sizes.size() - 1 - i : i;
    const std::size_t rows = first[step + 1] - first[step];
    const Tensor from_hidden =
        weights.hidden->multiply(hidden.narrow(0, 0, batch_sizes[step]), weights.hidden_bias);
    advance(shape_.cell, part_of(from_input, first[step], rows), rows_of(from_hidden),
            part_of(hidden_rows, 0, rows),
            cell.defined() ? part_of(cell_rows, 0, rows) : kernels::Rows());
    for (std::size_t row = 0; row < rows; ++row)
      std::copy_n(hidden_rows.row(row), size, column + (first[step] + row) * out.stride);
  }
}

}  // namespace trellis::nn
