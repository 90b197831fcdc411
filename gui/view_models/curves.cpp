#include "gui/view_models/curves.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace trellis::gui {
namespace {

double place_of(const storage::TrainingPoint& point, CurveAxis axis) {
  switch (axis) {
    case CurveAxis::tokens:
      return static_cast<double>(point.tokens);
    case CurveAxis::seconds:
      return point.seconds;
    default:
      return static_cast<double>(point.step);
  }
}

/// Losses of all seeds at one step.
struct Moment {
  double x = 0;
  std::size_t count = 0;
  double sum = 0, low = 0, high = 0;

  void add(double at, double loss) {
    x += at;
    sum += loss;
    low = count == 0 ? loss : std::min(low, loss);
    high = count == 0 ? loss : std::max(high, loss);
    ++count;
  }
};

}  // namespace

std::vector<double> smoothed(const std::vector<double>& values, double memory) {
  std::vector<double> out;
  double sum = 0;
  double weight = 0;
  for (const double value : values) {
    if (std::isfinite(value)) {
      sum = memory * sum + (1 - memory) * value;
      weight = memory * weight + (1 - memory);
    }
    out.push_back(weight > 0 ? sum / weight : value);
  }
  return out;
}

std::vector<Curve> curves_of(const Overview& overview, const ViewState& state) {
  std::set<std::string> tasks;
  for (const auto& model : overview.models) tasks.insert(model.record.task_label);
  std::vector<Curve> curves;
  std::map<std::string, std::map<std::uint64_t, Moment>> moments;  // by name, by step
  for (const auto& model : overview.models) {
    const auto found = overview.curves.find(model.record.id);
    if (found == overview.curves.end()) continue;
    for (const auto* split : {"train", "valid"}) {
      auto name = model.record.label;
      if (tasks.size() > 1) name += " · " + model.record.task_label;
      name += std::string(" · ") + split;
      for (const auto& point : found->second) {
        if (point.split != split) continue;
        if (!moments.contains(name)) curves.push_back({name, split, {}, {}, {}, {}, {}});
        moments[name][point.step].add(place_of(point, state.axis), point.loss);
      }
    }
  }
  for (auto& curve : curves) {
    const auto& steps = moments[curve.name];
    const bool seeds =
        std::ranges::any_of(steps, [](const auto& step) { return step.second.count > 1; });
    for (const auto& [step, moment] : steps) {
      const auto count = static_cast<double>(moment.count);
      curve.x.push_back(moment.x / count);
      curve.raw.push_back(moment.sum / count);
      if (seeds) curve.low.push_back(moment.low);
      if (seeds) curve.high.push_back(moment.high);
    }
    curve.smooth = smoothed(curve.raw, state.smoothing);
  }
  return curves;
}

}  // namespace trellis::gui
