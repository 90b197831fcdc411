#include "core/text/parse_json.hpp"

#include <string>

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

}  // namespace trellis
