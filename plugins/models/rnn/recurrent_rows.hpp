/// Recurrent states of single sequences, gathered to batches and scattered back.
#pragma once

#include <vector>

#include "core/nn/network.hpp"
#include "core/nn/recurrent.hpp"

namespace trellis::models {

/// One sequence's states, [layers, hidden]; `cell` is empty but for an LSTM. Plain floats: a view
/// of a batch's tensor would keep the whole batch alive.
struct RecurrentRow {
  std::vector<float> hidden;
  std::vector<float> cell;
};

/// What such a row costs.
nn::StateCost row_cost(const nn::RecurrentShape& shape);

/// Copies rows into a batch's states // [layers, rows, hidden], and back.
nn::RecurrentState gather(const std::vector<RecurrentRow*>& rows, const nn::RecurrentShape& shape);
void scatter(const nn::RecurrentState& state, const std::vector<RecurrentRow*>& rows);

}  // namespace trellis::models
