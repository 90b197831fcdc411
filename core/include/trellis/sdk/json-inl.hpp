/// What json.hpp declares.
#pragma once

#include "trellis/sdk/json.hpp"

#ifndef TRELLIS_SDK_INLINE
#define TRELLIS_SDK_INLINE
#endif

namespace trellis::sdk {

TRELLIS_SDK_INLINE Json parse_json(std::string_view text) {
  return Json::parse(text);
}

TRELLIS_SDK_INLINE std::string write_json(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace trellis::sdk
