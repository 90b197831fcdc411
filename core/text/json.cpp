#include "core/text/json.hpp"

#include "core/error.hpp"

namespace trellis {

nlohmann::json parse_json(std::string_view text) {
  return nlohmann::json::parse(text, [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    if (depth > kDeepestJson) {
      throw Error(Fault::bad_data,
                  "JSON nested deeper than " + std::to_string(kDeepestJson) + " levels");
    }
    return true;
  });
}

std::string write_json(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace trellis
