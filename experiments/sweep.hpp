/// From the keys of one TOML table to every combination of the values they sweep.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "core/plugin/settings.hpp"
#include "experiments/config.hpp"

namespace trellis::experiments {

/// One key with the values that it takes in turn, all checked.
struct SweptSetting {
  std::string owner;  ///< id of a logits processor; empty: the plugin's own setting
  std::string name;
  std::string shown;  ///< in labels: "top_p", or "processor.setting" where that is not clear
  std::vector<nlohmann::json> values;
  bool swept = false;  ///< was given as a list or range
  Position position;   ///< of the key
};

struct Combination {
  /// (owner, name) to value.
  std::vector<std::pair<const SweptSetting*, nlohmann::json>> values;
  /// " cell=lstm": of the swept settings, or of all of them.
  std::string label(bool all) const;
};

/// The last setting varies fastest. One empty combination for no settings. Throws Error(usage) when
/// there are too many.
std::vector<Combination> combinations(const std::vector<SweptSetting>& settings);

/// The values of {from, to, step} or {from, to, count}, ends included. Whole numbers stay whole.
/// Throws Error(usage) saying what is wrong with it.
std::vector<nlohmann::json> range_values(const nlohmann::json& range);
bool is_range(const nlohmann::json& value);

/// A value as a person writes it in a label.
std::string value_text(const nlohmann::json& value);

}  // namespace trellis::experiments
