/// Reads the reference figures of the metrics and compares with them.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace trellis::golden {

/// A file below the folder of figures. Throws when it is not there.
inline nlohmann::json read_figures(const std::string& name) {
  const char* chosen = std::getenv("TRELLIS_GOLDENS");
  const std::filesystem::path folder =
      chosen != nullptr ? chosen : TRELLIS_SOURCE_DIR "/tests/golden";
  std::ifstream file(folder / name);
  if (!file) throw std::runtime_error("cannot open " + (folder / name).string());
  return nlohmann::json::parse(file);
}

/// The list `key` of a file, by value: a loop over a part of a temporary would read freed memory.
inline nlohmann::json read_list(const std::string& name, const std::string& key) {
  auto list = read_figures(name).at(key);
  if (list.empty()) throw std::runtime_error(name + " has no " + key);
  return list;
}

/// The reference adds in another order in places, so the last digits may differ.
inline void expect_relative(double actual, double expected, double tolerance,
                            const std::string& what) {
  EXPECT_NEAR(actual, expected, tolerance * std::max(1.0, std::abs(expected))) << what;
}

/// References of one segment: `refs[j][k]` of every j, null left out.
inline std::vector<std::string> references_of(const nlohmann::json& refs, std::size_t segment) {
  std::vector<std::string> references;
  for (const auto& stream : refs) {
    if (!stream.at(segment).is_null()) references.push_back(stream.at(segment));
  }
  return references;
}

}  // namespace trellis::golden
