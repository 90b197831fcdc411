/// Reading JSON that somebody else wrote.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "core/error.hpp"

namespace trellis {

/// Deeper values are refused: the library reads any depth, but copies and writes values by
/// recursion, so that a hundred thousand brackets would overflow the stack.
inline constexpr int kDeepestJson = 256;

/// Throws nlohmann::json::parse_error for what is no JSON, and Error(bad_data) for what nests
/// deeper than kDeepestJson.
inline nlohmann::json parse_json(std::string_view text) {
  return nlohmann::json::parse(text, [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    if (depth > kDeepestJson) {
      throw Error(Fault::bad_data,
                  "JSON nested deeper than " + std::to_string(kDeepestJson) + " levels");
    }
    return true;
  });
}

}  // namespace trellis
