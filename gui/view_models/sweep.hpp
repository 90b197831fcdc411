/// The settings by which the arms of a task differ.
#pragma once

#include <string>
#include <vector>

#include "gui/snapshot.hpp"

namespace trellis::gui {

/// A setting that is not the same in all arms.
struct SweptSetting {
  std::string name;                ///< "strategy.settings.num_beams", "model.hidden"
  std::string label;               ///< its last part, where no other ends so: "num_beams"
  std::vector<std::string> texts;  ///< one an arm, as the table's rows; empty where it has none
  std::vector<double> numbers;     ///< the same; not-a-number where it is none
  bool numeric = false;            ///< every text is a number, but for empty ones
};

/// The models' labels, then settings of strategies, then of models. What has one value where it is
/// there at all is left out, and so is what tells arms apart exactly as an earlier one does, but
/// for numbers that every arm has. An arm of several seeds is looked at by its first.
std::vector<SweptSetting> swept_settings(const Overview& overview, const reports::TaskTable& table);

/// Arms that differ in `along` only: rows of the table by rising number, and what they have in
/// common among the swept settings ("model = gru, strategy.top_k = 50").
struct SweepLine {
  std::string name;
  std::vector<std::size_t> rows;
};
std::vector<SweepLine> sweep_lines(const std::vector<SweptSetting>& settings, std::size_t along);

}  // namespace trellis::gui
