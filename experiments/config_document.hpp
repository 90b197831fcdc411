/// The TOML of a config: parsed, overridden, and read with every mistake noted at its place.
#pragma once

#include <toml++/toml.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/config.hpp"

namespace trellis::experiments {

/// Collects mistakes, so that a person sees all of them at once.
class Problems {
 public:
  explicit Problems(std::filesystem::path path) : path_(std::move(path)) {}
  void add(Position position, const std::string& message);
  std::size_t count() const { return lines_.size(); }
  /// Throws Error(usage) with all lines when there are any.
  void throw_if_any() const;

 private:
  std::filesystem::path path_;
  std::vector<std::pair<Position, std::string>> lines_;
};

/// One key of a table.
struct Entry {
  std::string key;
  nlohmann::json value;
  Position position;           ///< of the key
  std::vector<Entry> entries;  ///< where the value is a table
};

/// The keys of a table in the order of the file.
std::vector<Entry> entries_of(const toml::table& table, Problems& problems);
/// Removes a key from them; nothing where it is not among them.
std::optional<Entry> take_entry(std::vector<Entry>& entries, std::string_view key);

Position position_of(const toml::node& node);

/// Throws Error(usage) "path:line:column: ..." for what is no TOML.
toml::table parse_document(const std::filesystem::path& path, const std::string& text);

/// Throws Error(usage) "--set ...: what is wrong".
void apply_override(toml::table& document, const std::string& override_text);

}  // namespace trellis::experiments
