#include "plugins/models/rnn/recurrent_rows.hpp"

#include <algorithm>

namespace trellis::models {
namespace {

using nn::Tensor;

Tensor gather_part(const std::vector<RecurrentRow*>& rows, std::vector<float> RecurrentRow::*part,
                   std::int64_t layers, std::int64_t width) {
  Tensor batch = at::empty({layers, static_cast<std::int64_t>(rows.size()), width});
  auto* to = batch.data_ptr<float>();
  for (std::int64_t layer = 0; layer < layers; ++layer)
    for (const RecurrentRow* row : rows)
      to = std::copy_n((row->*part).data() + layer * width, width, to);
  return batch;
}

void scatter_part(const Tensor& batch, const std::vector<RecurrentRow*>& rows,
                  std::vector<float> RecurrentRow::*part) {
  const Tensor contiguous = batch.contiguous();
  const std::int64_t layers = batch.size(0);
  const std::int64_t width = batch.size(2);
  const auto* from = contiguous.data_ptr<float>();
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    for (RecurrentRow* row : rows) {
      (row->*part).resize(static_cast<std::size_t>(layers * width));
      std::copy_n(from, width, (row->*part).data() + layer * width);
      from += width;
    }
  }
}

}  // namespace

nn::StateCost row_cost(const nn::RecurrentShape& shape) {
  const auto floats = static_cast<std::size_t>(shape.layers * shape.hidden);
  return {(shape.cell == nn::Cell::lstm ? 2 : 1) * floats * sizeof(float), 0};
}

nn::RecurrentState gather(const std::vector<RecurrentRow*>& rows, const nn::RecurrentShape& shape) {
  nn::RecurrentState state;
  state.hidden = gather_part(rows, &RecurrentRow::hidden, shape.layers, shape.hidden);
  if (shape.cell == nn::Cell::lstm)
    state.cell = gather_part(rows, &RecurrentRow::cell, shape.layers, shape.hidden);
  return state;
}

void scatter(const nn::RecurrentState& state, const std::vector<RecurrentRow*>& rows) {
  scatter_part(state.hidden, rows, &RecurrentRow::hidden);
  if (state.cell.defined()) scatter_part(state.cell, rows, &RecurrentRow::cell);
}

}  // namespace trellis::models
