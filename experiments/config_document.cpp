#include "experiments/config_document.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "core/plugin/boundary.hpp"

namespace trellis::experiments {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 4> kSections = {"experiment", "model", "strategy", "task"};

Position position_of(const toml::source_region& region) {
  return {region.begin.line, region.begin.column};
}

json to_json(const toml::node& node, Problems& problems) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* whole = node.as_integer()) return whole->get();
  if (const auto* number = node.as_floating_point()) return number->get();
  if (const auto* truth = node.as_boolean()) return truth->get();
  if (const auto* array = node.as_array()) {
    json list = json::array();
    for (const auto& element : *array) list.push_back(to_json(element, problems));
    return list;
  }
  if (const auto* table = node.as_table()) {
    json object = json::object();
    for (const auto& [key, value] : *table) {
      object[std::string(key.str())] = to_json(value, problems);
    }
    return object;
  }
  problems.add(experiments::position_of(node), "dates and times are used nowhere here");
  return {};
}

// "value" as TOML, or as a plain string where it is none: --set experiment.name=night needs no
// quotes within quotes.
toml::table parse_value(const std::string& text) {
  try {
    return toml::parse("value = " + text);
  } catch (const toml::parse_error&) {
    toml::table table;
    table.insert("value", text);
    return table;
  }
}

bool is_named(const toml::table& entry, std::string_view name) {
  return entry["label"].value_or(std::string_view()) == name ||
         entry["plugin"].value_or(std::string_view()) == name;
}

std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> parts;
  std::istringstream stream(path);
  for (std::string part; std::getline(stream, part, '.');) parts.push_back(part);
  return parts;
}

}  // namespace

std::string place(const std::filesystem::path& path, Position position) {
  if (position.line == 0) return "--set";
  return fmt::format("{}:{}:{}", path.string(), position.line, position.column);
}

void Problems::add(Position position, const std::string& message) {
  auto line = plugin::one_line(fmt::format("{}: {}", place(path_, position), message));
  // Each combination of a sweep finds the same fault.
  if (!lines_.empty() && lines_.back().second == line) return;
  lines_.emplace_back(position, std::move(line));
}

void Problems::throw_if_any() const {
  if (lines_.empty()) return;
  auto sorted = lines_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first.line, a.first.column) < std::pair(b.first.line, b.first.column);
  });
  std::string all;
  for (const auto& [position, line] : sorted) {
    if (!all.empty()) all += '\n';
    all += line;
  }
  throw Error(Fault::usage, all);
}

std::optional<Entry> take_entry(std::vector<Entry>& entries, std::string_view key) {
  const auto found = std::ranges::find(entries, key, &Entry::key);
  if (found == entries.end()) return std::nullopt;
  Entry entry = std::move(*found);
  entries.erase(found);
  return entry;
}

Position position_of(const toml::node& node) {
  return position_of(node.source());
}

std::vector<Entry> entries_of(const toml::table& table, Problems& problems) {
  std::vector<Entry> entries;
  for (const auto& [key, value] : table) {
    Entry entry{std::string(key.str()), to_json(value, problems), position_of(key.source()), {}};
    if (const auto* inner = value.as_table()) entry.entries = entries_of(*inner, problems);
    entries.push_back(std::move(entry));
  }
  // The parser sorts keys by name; sweeps follow the order in which a person wrote them.
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.position.line, a.position.column) <
           std::pair(b.position.line, b.position.column);
  });
  return entries;
}

toml::table parse_document(const std::filesystem::path& path, const std::string& text) {
  try {
    return toml::parse(text, path.string());
  } catch (const toml::parse_error& error) {
    throw Error(Fault::usage, fmt::format("{}: {}", place(path, position_of(error.source())),
                                          error.description()));
  }
}

void apply_override(toml::table& document, const std::string& override_text) {
  const auto fail = [&](const std::string& why) {
    throw Error(Fault::usage, plugin::one_line(fmt::format("--set {}: {}", override_text, why)));
  };
  const auto equals = override_text.find('=');
  if (equals == std::string::npos) fail("must read section.key=value");
  const auto parts = split(override_text.substr(0, equals));
  if (parts.size() < 2 || parts.size() > 3 ||
      std::find(kSections.begin(), kSections.end(), parts.front()) == kSections.end()) {
    fail("must begin with experiment., model., strategy. or task.");
  }
  const auto value = parse_value(override_text.substr(equals + 1));
  const auto assign = [&](toml::table& table) {
    table.insert_or_assign(parts.back(), *value.get("value"));
  };
  auto* section = document.get(parts.front());
  if (parts.front() == "experiment") {
    if (parts.size() != 2) fail("must read experiment.key=value");
    if (section == nullptr) {
      section = &document.insert_or_assign("experiment", toml::table{}).first->second;
    }
    if (section->is_table()) assign(*section->as_table());
    return;
  }
  bool found = false;
  if (section != nullptr && section->is_array()) {
    for (auto& element : *section->as_array()) {
      auto* table = element.as_table();
      if (table == nullptr || (parts.size() == 3 && !is_named(*table, parts[1]))) continue;
      assign(*table);
      found = true;
    }
  }
  if (!found) {
    fail(parts.size() == 3 ? fmt::format("no {} has the label or plugin \"{}\"", parts[0], parts[1])
                           : fmt::format("the config has no [[{}]]", parts[0]));
  }
}

}  // namespace trellis::experiments
