/// Trials side by side: the settings that differ, who wins on which samples, who lies on the Pareto
/// front.
#pragma once

#include <string>
#include <vector>

#include "gui/snapshot.hpp"

namespace trellis::gui {

struct SettingRow {
  std::string name;                 ///< "model.hidden", "strategy.temperature"
  std::vector<std::string> values;  ///< one a trial; empty where it has none
};

/// Settings of models and strategies in which the trials are not all alike, by name. Versions are
/// told only of what all trials use, and empty lists of settings not at all.
std::vector<SettingRow> differing_settings(const Overview& overview,
                                           const std::vector<std::string>& trials);

struct Wins {
  std::size_t wins = 0;  ///< of `trial` against the first
  std::size_t ties = 0;
  std::size_t losses = 0;
};
/// By a metric of single samples; samples without it under either are left out.
Wins wins_of(const PairedSamples& samples, std::size_t trial, const std::string& metric,
             bool higher_is_better);

/// Whether no other point is at least as good in both and better in one; not-a-number never is.
std::vector<bool> pareto_front(const std::vector<double>& x, const std::vector<double>& y,
                               bool higher_x, bool higher_y);

}  // namespace trellis::gui
