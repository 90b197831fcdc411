/// From the keys of a config's tables to the settings of plugins: every value checked, paths made
/// absolute, sweeps spread out. Mistakes are noted with their place, and reading goes on.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/plugin/registry.hpp"
#include "experiments/config.hpp"
#include "experiments/config_document.hpp"
#include "experiments/sweep.hpp"

namespace trellis::experiments {

/// Null for a name that is none of the settings.
const plugin::Setting* find_setting(const plugin::Settings& settings, std::string_view name);
std::vector<std::string> names_of(const plugin::Settings& settings);

/// "key: unknown to owner; did you mean ...?"
std::string unknown_key(std::string_view key, std::string_view owner,
                        const std::vector<std::string>& known);

/// Reads values of one config. All arguments must outlive it.
class ValueReader {
 public:
  ValueReader(const std::filesystem::path& config, const Environment& environment,
              Problems& problems)
      : config_(config), environment_(environment), problems_(problems) {}

  /// A text that is not empty; empty where the value is none.
  std::string text_of(const Entry& entry);
  /// A path as written, absolute: ${NAME} is an environment variable, and relative names are
  /// relative to the config. Throws Error(usage) for an unset variable or what does not exist.
  std::string resolve(const std::string& written) const;
  /// The same for a model, which may also be named: by the label of another, or by an id.
  std::string resolve_model(const std::string& written) const;
  /// The value as the setting takes it, or nothing. `before`: what the message begins with, where
  /// the key is not the setting's own name.
  std::optional<nlohmann::json> check(const plugin::Setting& setting, const nlohmann::json& value,
                                      Position position, const std::string& before = "");
  /// All values that an entry gives a setting in turn.
  std::vector<nlohmann::json> values_of(const Entry& entry, const plugin::Setting& setting);

  /// The entries as a plugin's own settings; `other_keys` are named to a person who errs.
  std::vector<SweptSetting> own_settings(const std::vector<Entry>& entries,
                                         const plugin::Description& plugin,
                                         const std::vector<std::string>& other_keys);
  /// Adds one such setting.
  void add_own(std::vector<SweptSetting>& all, const Entry& entry, const plugin::Setting& setting);
  /// Adds what an entry named like a logits processor gives it: `top_p = 0.9` its primary setting,
  /// `typical = {mass = 0.9, min_tokens_to_keep = 2}` several.
  void add_processor(std::vector<SweptSetting>& all, const Entry& entry,
                     const plugin::Description& processor);

  /// Every combination of the swept values; none when there are too many.
  std::vector<Combination> combinations_of(const std::vector<SweptSetting>& settings,
                                           Position position);
  /// What a combination gives one owner ("" or a processor's id), with the defaults of the rest.
  nlohmann::json complete(const plugin::Settings& settings, const Combination& combination,
                          const std::string& owner, Position position);

 private:
  void add(std::vector<SweptSetting>& all, const Entry& entry, const plugin::Setting& setting,
           const std::string& owner, const std::string& shown);

  const std::filesystem::path& config_;
  const Environment& environment_;
  Problems& problems_;
};

}  // namespace trellis::experiments
