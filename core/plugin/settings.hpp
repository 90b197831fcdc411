/// The settings that plugins describe, and the checking of given values against them.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"

namespace trellis::plugin {

enum class SettingType { integer, number, boolean, string, choice, list };
std::string_view to_string(SettingType type);

/// One setting, as trellis/abi/entry.h defines its JSON.
struct Setting {
  std::string name;
  SettingType type = SettingType::string;
  nlohmann::json default_value;  ///< null: must be given
  std::optional<double> minimum, maximum, exclusive_minimum, exclusive_maximum;
  std::vector<std::string> choices;
  std::string divides;  ///< the integer setting that this one must divide, or empty
  std::string at_most;  ///< the setting that this one must not exceed, or empty
  std::string group;
  /// "path": files or folders, relative to the config that names them; "model": a path, or the
  /// label or id of another model
  std::string format;
  std::string summary;
};
using Settings = std::vector<Setting>;

/// Reads "settings" of a description. Throws Error(plugin) when it is malformed.
Settings parse_settings(const nlohmann::json& description);

/// A wrong setting. `name` says which; what() reads "top_p = 1.7: must lie in (0, 1]".
class SettingError : public Error {
 public:
  SettingError(std::string name, const std::string& message)
      : Error(Fault::usage, message), name_(std::move(name)) {}
  const std::string& name() const { return name_; }

 private:
  std::string name_;
};

/// Checks one value; returns it in the setting's own type (an integer given for a number becomes a
/// number). Throws SettingError.
nlohmann::json check_setting(const Setting& setting, const nlohmann::json& value);

/// Checks every given value, fills in the defaults. Throws SettingError: unknown name (with the
/// nearest right one), wrong type, out of range, missing, at odds with another setting. `given`
/// must be an object.
nlohmann::json complete_settings(const Settings& settings, const nlohmann::json& given);

/// The candidate that a person most probably meant by `name`, or nothing when none is near
/// (Damerau-Levenshtein distance above a third of the length).
std::optional<std::string> nearest_name(std::string_view name,
                                        std::span<const std::string> candidates);

}  // namespace trellis::plugin
