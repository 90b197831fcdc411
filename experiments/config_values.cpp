#include "experiments/config_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace trellis::experiments {

namespace fs = std::filesystem;
using nlohmann::json;

const plugin::Setting* find_setting(const plugin::Settings& settings, std::string_view name) {
  const auto found = std::find_if(settings.begin(), settings.end(),
                                  [&](const auto& setting) { return setting.name == name; });
  return found == settings.end() ? nullptr : &*found;
}

std::vector<std::string> names_of(const plugin::Settings& settings) {
  std::vector<std::string> names;
  for (const auto& setting : settings) names.push_back(setting.name);
  return names;
}

std::string unknown_key(std::string_view key, std::string_view owner,
                        const std::vector<std::string>& known) {
  const auto near = plugin::nearest_name(key, known);
  if (near) return fmt::format("{}: unknown to {}; did you mean {}?", key, owner, *near);
  return fmt::format("{}: unknown to {}; there are: {}", key, owner, fmt::join(known, ", "));
}

std::string ValueReader::text_of(const Entry& entry) {
  if (entry.value.is_string() && !entry.value.get_ref<const std::string&>().empty()) {
    return entry.value.get<std::string>();
  }
  problems_.add(entry.position, fmt::format("{}: must be a text", entry.key));
  return {};
}

std::string ValueReader::resolve(const std::string& written) const {
  std::string path;
  for (std::size_t i = 0; i < written.size();) {
    const auto end = written.find('}', i);
    if (written.compare(i, 2, "${") == 0 && end != std::string::npos) {
      const auto name = written.substr(i + 2, end - i - 2);
      const auto value = environment_(name);
      if (!value) {
        throw Error(Fault::usage,
                    fmt::format("\"{}\": the environment variable {} is not set", written, name));
      }
      path += *value;
      i = end + 1;
    } else {
      path += written[i++];
    }
  }
  if (path.empty()) return path;
  const auto absolute = fs::absolute(config_).parent_path() / path;
  if (!fs::exists(absolute)) {
    throw Error(Fault::usage, fmt::format("\"{}\": there is no such file or folder", written));
  }
  return absolute.lexically_normal().string();
}

std::string ValueReader::resolve_model(const std::string& written) const {
  const bool is_name = written.find('/') == std::string::npos &&
                       written.find("${") == std::string::npos &&
                       !fs::exists(fs::absolute(config_).parent_path() / written);
  return is_name ? written : resolve(written);
}

std::optional<json> ValueReader::check(const plugin::Setting& setting, const json& value,
                                       Position position, const std::string& before) {
  try {
    json checked = plugin::check_setting(setting, value);
    if (setting.format == "model") checked = resolve_model(checked.get<std::string>());
    if (setting.format == "path" && checked.is_string()) {
      checked = resolve(checked.get<std::string>());
    }
    if (setting.format == "path" && checked.is_array()) {
      for (auto& path : checked) {
        path = resolve(path.is_string() ? path.get<std::string>() : path.dump());
      }
    }
    return checked;
  } catch (const Error& error) {
    problems_.add(position, before + error.what());
    return std::nullopt;
  }
}

std::vector<json> ValueReader::values_of(const Entry& entry, const plugin::Setting& setting) {
  std::vector<json> given;
  const bool list_setting = setting.type == plugin::SettingType::list;
  const bool list_of_lists =
      entry.value.is_array() && !entry.value.empty() && entry.value.front().is_array();
  if (entry.value.is_array() && (!list_setting || list_of_lists)) {
    given.assign(entry.value.begin(), entry.value.end());
    if (given.empty()) {
      problems_.add(entry.position,
                    fmt::format("{}: an empty list; give at least one value", entry.key));
    }
  } else if (is_range(entry.value)) {
    try {
      given = range_values(entry.value);
    } catch (const Error& error) {
      problems_.add(entry.position, fmt::format("{}: {}", entry.key, error.what()));
    }
  } else {
    given.push_back(entry.value);
  }
  std::vector<json> values;
  std::set<json> seen;
  for (const auto& value : given) {
    auto checked =
        check(setting, value, entry.position, entry.key == setting.name ? "" : entry.key + ": ");
    if (!checked) break;
    if (!seen.insert(*checked).second) {
      problems_.add(entry.position,
                    fmt::format("{}: {} is given twice", entry.key, checked->dump()));
      continue;
    }
    values.push_back(std::move(*checked));
  }
  return values;
}

std::vector<SweptSetting> ValueReader::own_settings(const std::vector<Entry>& entries,
                                                    const plugin::Description& plugin,
                                                    const std::vector<std::string>& other_keys) {
  std::vector<SweptSetting> all;
  for (const auto& entry : entries) {
    if (const auto* setting = find_setting(plugin.settings, entry.key)) {
      add_own(all, entry, *setting);
    } else {
      auto known = names_of(plugin.settings);
      known.insert(known.end(), other_keys.begin(), other_keys.end());
      problems_.add(entry.position, unknown_key(entry.key, plugin.id, known));
    }
  }
  return all;
}

void ValueReader::add_own(std::vector<SweptSetting>& all, const Entry& entry,
                          const plugin::Setting& setting) {
  add(all, entry, setting, "", entry.key);
}

void ValueReader::add_processor(std::vector<SweptSetting>& all, const Entry& entry,
                                const plugin::Description& processor) {
  const auto primary = processor.json.value("primary", "");
  if (!entry.value.is_object() || is_range(entry.value)) {
    if (const auto* setting = find_setting(processor.settings, primary)) {
      add(all, entry, *setting, entry.key, entry.key);
    } else {
      problems_.add(entry.position, fmt::format("{}: give its settings in a table: {}", entry.key,
                                                fmt::join(names_of(processor.settings), ", ")));
    }
    return;
  }
  for (const auto& inner : entry.entries) {
    if (const auto* setting = find_setting(processor.settings, inner.key)) {
      add(all, inner, *setting, entry.key,
          inner.key == primary ? entry.key : entry.key + "." + inner.key);
    } else {
      problems_.add(inner.position,
                    unknown_key(inner.key, processor.id, names_of(processor.settings)));
    }
  }
}

std::vector<Combination> ValueReader::combinations_of(const std::vector<SweptSetting>& settings,
                                                      Position position) {
  try {
    return combinations(settings);
  } catch (const Error& error) {
    problems_.add(position, error.what());
    return {};
  }
}

json ValueReader::complete(const plugin::Settings& settings, const Combination& combination,
                           const std::string& owner, Position position) {
  json given = json::object();
  for (const auto& [setting, value] : combination.values) {
    if (setting->owner == owner) given[setting->name] = value;
  }
  try {
    return plugin::complete_settings(settings, given);
  } catch (const plugin::SettingError& error) {
    for (const auto& [setting, value] : combination.values) {
      if (setting->owner == owner && setting->name == error.name()) position = setting->position;
    }
    problems_.add(position, error.what());
    return given;
  }
}

void ValueReader::add(std::vector<SweptSetting>& all, const Entry& entry,
                      const plugin::Setting& setting, const std::string& owner,
                      const std::string& shown) {
  auto values = values_of(entry, setting);
  const bool swept = values.size() > 1;
  if (!values.empty())
    all.push_back({owner, setting.name, shown, std::move(values), swept, entry.position});
}

}  // namespace trellis::experiments
