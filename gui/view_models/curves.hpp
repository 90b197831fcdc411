/// Training curves: one series a model and split, smoothed, seeds of one model as a band.
#pragma once

#include <string>
#include <vector>

#include "gui/snapshot.hpp"

namespace trellis::gui {

struct Curve {
  std::string name;   ///< model, task where there are several, split
  std::string split;  ///< "train" or "valid"
  std::vector<double> x;
  std::vector<double> raw;        ///< loss in nats a token; the mean over seeds
  std::vector<double> smooth;     ///< the same after smoothing
  std::vector<double> low, high;  ///< over seeds, at the same x; empty with one seed
};

/// In the order of the models, train before valid.
std::vector<Curve> curves_of(const Overview& overview, const ViewState& state);

/// Exponential moving average with weight `memory` on what was, without the bias of its start.
std::vector<double> smoothed(const std::vector<double>& values, double memory);

}  // namespace trellis::gui
