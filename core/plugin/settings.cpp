#include "core/plugin/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/text/json.hpp"

namespace trellis::plugin {
namespace {

using nlohmann::json;

constexpr std::pair<std::string_view, SettingType> kTypes[] = {
    {"integer", SettingType::integer}, {"number", SettingType::number},
    {"boolean", SettingType::boolean}, {"string", SettingType::string},
    {"choice", SettingType::choice},   {"list", SettingType::list}};

std::string range_text(const Setting& setting) {
  const auto low = setting.minimum ? setting.minimum : setting.exclusive_minimum;
  const auto high = setting.maximum ? setting.maximum : setting.exclusive_maximum;
  const char* open = setting.minimum ? "[" : "(";
  const char* close = setting.maximum ? "]" : ")";
  if (low && high) return fmt::format("must lie in {}{}, {}{}", open, *low, *high, close);
  if (low) return fmt::format("must be {} {}", setting.minimum ? "at least" : "above", *low);
  return fmt::format("must be {} {}", setting.maximum ? "at most" : "below", *high);
}

bool in_range(const Setting& setting, double value) {
  return std::isfinite(value) && (!setting.minimum || value >= *setting.minimum) &&
         (!setting.maximum || value <= *setting.maximum) &&
         (!setting.exclusive_minimum || value > *setting.exclusive_minimum) &&
         (!setting.exclusive_maximum || value < *setting.exclusive_maximum);
}

[[noreturn]] void refuse(const Setting& setting, const json& value, std::string_view why) {
  const auto shown = write_json(value);
  throw SettingError(setting.name, fmt::format("{} = {}: {}", setting.name, shown, why));
}

json check_number(const Setting& setting, const json& value) {
  if (!value.is_number()) refuse(setting, value, "must be a number");
  const double number = value.get<double>();
  if (!in_range(setting, number)) {
    refuse(setting, value, std::isfinite(number) ? range_text(setting) : "must be finite");
  }
  return number;
}

json check_integer(const Setting& setting, const json& value) {
  const bool whole = value.is_number_integer() ||
                     (value.is_number_float() && std::abs(value.get<double>()) < 9e15 &&
                      std::trunc(value.get<double>()) == value.get<double>());
  if (!whole) refuse(setting, value, "must be a whole number");
  if (!in_range(setting, value.get<double>())) refuse(setting, value, range_text(setting));
  return value.is_number_integer() ? value : json(static_cast<std::int64_t>(value.get<double>()));
}

json check_choice(const Setting& setting, const json& value) {
  const std::string all = fmt::format("{}", fmt::join(setting.choices, ", "));
  if (!value.is_string()) refuse(setting, value, "must be one of " + all);
  const auto& chosen = value.get_ref<const std::string&>();
  if (std::find(setting.choices.begin(), setting.choices.end(), chosen) == setting.choices.end()) {
    const auto near = nearest_name(chosen, setting.choices);
    refuse(
        setting, value,
        near ? fmt::format("did you mean \"{}\"? One of {}", *near, all) : "must be one of " + all);
  }
  return value;
}

json check_list(const Setting& setting, const json& value) {
  const bool plain = value.is_array() && std::all_of(value.begin(), value.end(), [](const json& e) {
                       return e.is_string() || e.is_number();
                     });
  if (!plain) refuse(setting, value, "must be a list of strings or numbers");
  return value;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Three rows suffice for the variant that knows swaps of neighbours.
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

std::optional<double> optional_number(const json& entry, const char* key) {
  const auto found = entry.find(key);
  if (found == entry.end() || found->is_null()) return std::nullopt;
  return found->get<double>();
}

Setting parse_setting(const json& entry) {
  Setting setting;
  setting.name = entry.at("name").get<std::string>();
  const auto type = entry.at("type").get<std::string>();
  const auto* known = std::find_if(std::begin(kTypes), std::end(kTypes),
                                   [&](const auto& pair) { return pair.first == type; });
  if (known == std::end(kTypes)) {
    throw Error(Fault::plugin, fmt::format("setting {}: unknown type \"{}\"", setting.name, type));
  }
  setting.type = known->second;
  setting.default_value = entry.value("default", json());
  setting.minimum = optional_number(entry, "minimum");
  setting.maximum = optional_number(entry, "maximum");
  setting.exclusive_minimum = optional_number(entry, "exclusive_minimum");
  setting.exclusive_maximum = optional_number(entry, "exclusive_maximum");
  setting.choices = entry.value("choices", std::vector<std::string>());
  setting.divides = entry.value("divides", "");
  setting.at_most = entry.value("at_most", "");
  setting.group = entry.value("group", "");
  setting.format = entry.value("format", "");
  setting.summary = entry.value("summary", "");
  if (setting.type == SettingType::choice && setting.choices.empty()) {
    throw Error(Fault::plugin, fmt::format("setting {}: a choice without choices", setting.name));
  }
  return setting;
}

// Other settings that a setting is measured by must be there and be numbers.
void check_relations_exist(const Settings& settings) {
  for (const auto& setting : settings) {
    for (const auto& name : {setting.divides, setting.at_most}) {
      if (name.empty()) continue;
      const auto other = std::find_if(settings.begin(), settings.end(),
                                      [&](const Setting& each) { return each.name == name; });
      if (other == settings.end() || other->type != setting.type ||
          (setting.type != SettingType::integer &&
           (setting.type != SettingType::number || !setting.divides.empty()))) {
        throw Error(Fault::plugin,
                    fmt::format("setting {}: cannot be measured by \"{}\"", setting.name, name));
      }
    }
  }
}

// Blames the setting that was given, if only one was.
void check_relations(const Settings& settings, const json& complete, const json& given) {
  for (const auto& setting : settings) {
    const auto conflict = [&](const std::string& other, std::string_view must) {
      const auto blamed = given.contains(setting.name) ? setting.name : other;
      throw SettingError(blamed, fmt::format("{} = {}: must {} {} = {}", setting.name,
                                             complete.at(setting.name).dump(), must, other,
                                             complete.at(other).dump()));
    };
    if (!setting.divides.empty()) {
      const auto divisor = complete.at(setting.name).get<std::int64_t>();
      if (divisor == 0 || complete.at(setting.divides).get<std::int64_t>() % divisor != 0)
        conflict(setting.divides, "divide");
    }
    if (!setting.at_most.empty() && complete.at(setting.name) > complete.at(setting.at_most))
      conflict(setting.at_most, "not exceed");
  }
}

}  // namespace

std::string_view to_string(SettingType type) {
  return std::find_if(std::begin(kTypes), std::end(kTypes),
                      [&](const auto& pair) { return pair.second == type; })
      ->first;
}

Settings parse_settings(const json& description) {
  Settings settings;
  try {
    for (const auto& entry : description.value("settings", json::array())) {
      settings.push_back(parse_setting(entry));
      const auto& added = settings.back();
      const auto same = [&](const Setting& other) { return other.name == added.name; };
      if (std::count_if(settings.begin(), settings.end(), same) > 1) {
        throw Error(Fault::plugin, fmt::format("setting {} is described twice", added.name));
      }
      if (!added.default_value.is_null()) check_setting(added, added.default_value);
    }
    check_relations_exist(settings);
  } catch (const json::exception& exception) {
    throw Error(Fault::plugin, fmt::format("malformed settings: {}", exception.what()));
  } catch (const SettingError& error) {
    throw Error(Fault::plugin, fmt::format("the default of {}", error.what()));
  }
  return settings;
}

json check_setting(const Setting& setting, const json& value) {
  switch (setting.type) {
    case SettingType::integer:
      return check_integer(setting, value);
    case SettingType::number:
      return check_number(setting, value);
    case SettingType::boolean:
      if (!value.is_boolean()) refuse(setting, value, "must be true or false");
      return value;
    case SettingType::string:
      if (!value.is_string()) refuse(setting, value, "must be a string");
      return value;
    case SettingType::choice:
      return check_choice(setting, value);
    case SettingType::list:
      return check_list(setting, value);
  }
  throw Error(Fault::plugin, "a setting of no type");
}

json complete_settings(const Settings& settings, const json& given) {
  std::vector<std::string> names;
  names.reserve(settings.size());
  for (const auto& setting : settings) names.push_back(setting.name);
  for (const auto& [name, value] : given.items()) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    const auto near = nearest_name(name, names);
    throw SettingError(
        name,
        near ? fmt::format("{}: no such setting; did you mean {}?", name, *near)
             : fmt::format("{}: no such setting; there are: {}", name,
                           names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "))));
  }
  json complete = json::object();
  for (const auto& setting : settings) {
    const auto found = given.find(setting.name);
    if (found != given.end()) {
      complete[setting.name] = check_setting(setting, *found);
    } else if (setting.default_value.is_null()) {
      throw SettingError(setting.name,
                         fmt::format("{}: must be given ({})", setting.name, setting.summary));
    } else {
      complete[setting.name] = check_setting(setting, setting.default_value);
    }
  }
  check_relations(settings, complete, given);
  return complete;
}

std::optional<std::string> nearest_name(std::string_view name,
                                        std::span<const std::string> candidates) {
  const std::string* best = nullptr;
  std::size_t best_distance = 0;
  for (const auto& candidate : candidates) {
    const auto distance = edit_distance(name, candidate);
    const auto allowed = std::max<std::size_t>(1, std::max(name.size(), candidate.size()) / 3);
    if (distance <= allowed && (best == nullptr || distance < best_distance)) {
      best = &candidate;
      best_distance = distance;
    }
  }
  return best != nullptr ? std::optional(*best) : std::nullopt;
}

}  // namespace trellis::plugin
