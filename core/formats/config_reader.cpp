#include "core/formats/config_reader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace trellis::formats {
namespace {

constexpr std::int64_t kGreatestSize = std::int64_t{1} << 24;

// A value as a message shows it, cut where a hostile file makes it endless.
std::string shown(const nlohmann::json& value) {
  std::string text = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

}  // namespace

ConfigReader::ConfigReader(const nlohmann::json& json, std::filesystem::path path)
    : json_(&json), path_(std::move(path)) {}

ConfigReader::Found ConfigReader::find(Names names) const {
  for (const std::string_view name : names) {
    const auto found = json_->find(std::string(name));
    if (found != json_->end() && !found->is_null()) return {name, &*found};
  }
  return {*names.begin(), nullptr};
}

bool ConfigReader::has(std::string_view name) const {
  return find({name}).value != nullptr;
}

void ConfigReader::miss(Names names) const {
  throw Error(Fault::bad_data, fmt::format("{}: has no {}, which this architecture needs",
                                           path_.string(), fmt::join(names, " or ")));
}

void ConfigReader::refuse(std::string_view name, const std::string& must) const {
  const Found found = find({name});
  throw Error(Fault::bad_data,
              fmt::format("{}: {} = {}: {}", path_.string(), name,
                          found.value == nullptr ? "null" : shown(*found.value), must));
}

std::int64_t ConfigReader::size(Names names, std::optional<std::int64_t> otherwise) const {
  const auto [name, value] = find(names);
  if (value == nullptr) {
    if (!otherwise) miss(names);
    return *otherwise;
  }
  if (!value->is_number_integer() ||
      (value->is_number_unsigned() && value->get<std::uint64_t>() > std::uint64_t{kGreatestSize}))
    refuse(name, fmt::format("must be a whole number from 1 to {}", kGreatestSize));
  const auto number = value->get<std::int64_t>();
  if (number < 1 || number > kGreatestSize)
    refuse(name, fmt::format("must be a whole number from 1 to {}", kGreatestSize));
  return number;
}

double ConfigReader::number(Names names, std::optional<double> otherwise) const {
  const auto [name, value] = find(names);
  if (value == nullptr) {
    if (!otherwise) miss(names);
    return *otherwise;
  }
  if (!value->is_number() || !std::isfinite(value->get<double>()) || value->get<double>() <= 0)
    refuse(name, "must be a number above 0");
  return value->get<double>();
}

bool ConfigReader::boolean(Names names, bool otherwise) const {
  const auto [name, value] = find(names);
  if (value == nullptr) return otherwise;
  if (!value->is_boolean()) refuse(name, "must be true or false");
  return value->get<bool>();
}

std::string ConfigReader::text(Names names, std::optional<std::string> otherwise) const {
  const auto [name, value] = find(names);
  if (value == nullptr) {
    if (!otherwise) miss(names);
    return std::move(*otherwise);
  }
  if (!value->is_string()) refuse(name, "must be a text");
  return value->get<std::string>();
}

std::vector<std::int32_t> ConfigReader::tokens(Names names) const {
  const auto [name, value] = find(names);
  if (value == nullptr) return {};
  return read_tokens(name, *value);
}

std::vector<std::int32_t> ConfigReader::read_tokens(std::string_view name,
                                                    const nlohmann::json& value) const {
  std::vector<std::int32_t> result;
  const auto add = [&](const nlohmann::json& id) {
    if (!id.is_number_integer() || id < 0 || id > std::numeric_limits<std::int32_t>::max())
      refuse(name, "must be a token's number or a list of such");
    result.push_back(id.get<std::int32_t>());
  };
  if (value.is_array()) {
    for (const nlohmann::json& id : value) add(id);
  } else {
    add(value);
  }
  return result;
}

std::vector<std::vector<std::int32_t>> ConfigReader::token_lists(Names names) const {
  const auto [name, value] = find(names);
  std::vector<std::vector<std::int32_t>> lists;
  if (value == nullptr) return lists;
  if (!value->is_array()) refuse(name, "must be a list of lists of tokens' numbers");
  for (const nlohmann::json& list : *value) lists.push_back(read_tokens(name, list));
  return lists;
}

std::vector<double> ConfigReader::numbers(Names names) const {
  const auto [name, value] = find(names);
  if (value == nullptr) return {};
  const auto is_fine = [](const nlohmann::json& entry) {
    return entry.is_number() && std::isfinite(entry.get<double>()) && entry.get<double>() > 0;
  };
  if (!value->is_array() || !std::ranges::all_of(*value, is_fine))
    refuse(name, "must be a list of numbers above 0");
  return value->get<std::vector<double>>();
}

std::vector<std::string> ConfigReader::texts(Names names) const {
  const auto [name, value] = find(names);
  if (value == nullptr) return {};
  const auto is_text = [](const nlohmann::json& entry) { return entry.is_string(); };
  if (!value->is_array() || !std::ranges::all_of(*value, is_text))
    refuse(name, "must be a list of texts");
  return value->get<std::vector<std::string>>();
}

std::optional<ConfigReader> ConfigReader::object(Names names) const {
  const auto [name, value] = find(names);
  if (value == nullptr) return std::nullopt;
  if (!value->is_object()) refuse(name, "must be an object");
  return ConfigReader(*value, path_);
}

std::string ConfigReader::choice(Names names, const std::vector<std::string>& choices,
                                 std::optional<std::string> otherwise) const {
  const Found found = find(names);
  std::string chosen = text(names, std::move(otherwise));
  if (std::ranges::find(choices, chosen) == choices.end())
    refuse(found.name, fmt::format("is not known here; known: {}", fmt::join(choices, ", ")));
  return chosen;
}

}  // namespace trellis::formats
