/// JSON as text. All of the SDK goes through these two functions, so that a project with many
/// plugins can compile the parser and the writer once instead of in every one: it defines
/// TRELLIS_SDK_COMPILED and links one source file that includes json-inl.hpp.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace trellis::sdk {

using Json = nlohmann::json;

/// Throws Json::parse_error.
Json parse_json(std::string_view text);
/// On one line; bytes that are no UTF-8 become replacement characters.
std::string write_json(const Json& json);

}  // namespace trellis::sdk

#ifndef TRELLIS_SDK_COMPILED
#define TRELLIS_SDK_INLINE inline
#include "trellis/sdk/json-inl.hpp"
#endif
