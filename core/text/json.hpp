/// JSON as text: reading what somebody else wrote, and writing it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace trellis {

/// Deeper values are refused: the library reads any depth, but copies and writes values by
/// recursion, so that a hundred thousand brackets would overflow the stack.
inline constexpr int kDeepestJson = 256;

/// Throws nlohmann::json::parse_error for what is no JSON, and Error(bad_data) for what nests
/// deeper than kDeepestJson.
nlohmann::json parse_json(std::string_view text);

/// On one line; bytes that are no UTF-8 become replacement characters.
std::string write_json(const nlohmann::json& json);

}  // namespace trellis
