/// The config.json of a published model, key by key, each checked as it is read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"

namespace trellis::formats {

/// Borrows the JSON. All functions throw Error(bad_data) "PATH: KEY = VALUE: what it must be" for
/// values that no model has, and for keys that are missing where there is no default. A key may
/// have other names, which older files use: the first that is there and not null counts.
class ConfigReader {
 public:
  using Names = std::initializer_list<std::string_view>;

  /// `json` must be an object; `path` is for messages.
  ConfigReader(const nlohmann::json& json, std::filesystem::path path);

  bool has(std::string_view name) const;
  /// A size of the network, from 1 to 16 million.
  std::int64_t size(Names names, std::optional<std::int64_t> otherwise = std::nullopt) const;
  /// Finite and positive.
  double number(Names names, std::optional<double> otherwise = std::nullopt) const;
  bool boolean(Names names, bool otherwise) const;
  std::string text(Names names, std::optional<std::string> otherwise = std::nullopt) const;
  /// Ids of tokens: one, a list, or null for none.
  std::vector<std::int32_t> tokens(Names names) const;
  /// Texts as lists of ids: words that must not be generated.
  std::vector<std::vector<std::int32_t>> token_lists(Names names) const;
  /// A list of numbers that are finite and positive, empty where there is none.
  std::vector<double> numbers(Names names) const;
  /// A list of texts, empty where there is none.
  std::vector<std::string> texts(Names names) const;
  /// An object within this one, or nothing.
  std::optional<ConfigReader> object(Names names) const;

  /// Throws "PATH: KEY = VALUE: `must`".
  [[noreturn]] void refuse(std::string_view name, const std::string& must) const;
  /// Throws unless the text is one of these. Returns it.
  std::string choice(Names names, const std::vector<std::string>& choices,
                     std::optional<std::string> otherwise = std::nullopt) const;

 private:
  struct Found {
    std::string_view name;
    const nlohmann::json* value = nullptr;  ///< null: not there
  };
  Found find(Names names) const;
  [[noreturn]] void miss(Names names) const;
  std::vector<std::int32_t> read_tokens(std::string_view name, const nlohmann::json& value) const;

  const nlohmann::json* json_;
  std::filesystem::path path_;
};

}  // namespace trellis::formats
