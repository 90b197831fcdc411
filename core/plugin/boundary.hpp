/// Calling across the ABI: statuses become exceptions, sinks become strings and vectors, and an
/// exception that wrongly leaves a plugin becomes an Error that names it.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/plugin/registry.hpp"
#include "core/text/json.hpp"
#include "trellis/abi/entry.h"

namespace trellis::plugin {

/// `text` with control characters as spaces, cut at 1000 bytes before a character: what a plugin
/// says may be anything.
std::string one_line(std::string_view text);

inline trellis_span span_of(std::string_view text) {
  return {text.data(), text.size()};
}

/// Calls `function(trellis_error*)`. `what` names plugin and function in the message.
template <typename Function>
void call(std::string_view what, Function&& function) {
  trellis_error error{};
  error.struct_size = sizeof error;
  trellis_status status = TRELLIS_OK;
  try {
    status = function(&error);
  } catch (const std::exception& exception) {
    throw Error(Fault::plugin, fmt::format("{}: threw an exception across the ABI: {}", what,
                                           one_line(exception.what())));
  } catch (...) {
    throw Error(Fault::plugin, fmt::format("{}: threw across the ABI", what));
  }
  throw_on_failure(status, error, what);
}

/// Calls `function(trellis_text_sink*, trellis_error*)` and returns what was written.
template <typename Function>
std::string call_for_text(std::string_view what, Function&& function) {
  std::string text;
  trellis_text_sink sink{sizeof sink, &text, [](void* context, const char* data, std::size_t size) {
                           static_cast<std::string*>(context)->append(data, size);
                         }};
  call(what, [&](trellis_error* error) { return function(&sink, error); });
  return text;
}

template <typename Function>
nlohmann::json call_for_json(std::string_view what, Function&& function) {
  const std::string text = call_for_text(what, std::forward<Function>(function));
  try {
    return parse_json(text);
  } catch (const nlohmann::json::exception& exception) {
    throw Error(Fault::plugin,
                fmt::format("{}: wrote no valid JSON: {}", what, one_line(exception.what())));
  } catch (const Error& error) {
    throw Error(Fault::plugin, fmt::format("{}: wrote {}", what, error.what()));
  }
}

/// A sink that appends to `tokens`, which must outlive it.
inline trellis_token_sink token_sink(std::vector<std::int32_t>& tokens) {
  return {sizeof(trellis_token_sink), &tokens,
          [](void* context, const std::int32_t* data, std::size_t count) {
            auto& all = *static_cast<std::vector<std::int32_t>*>(context);
            all.insert(all.end(), data, data + count);
          }};
}

/// Throws Error(plugin) when a struct that a plugin filled in ends before the members we call.
inline void require_size(std::string_view what, std::uint32_t given, std::size_t needed) {
  if (given < needed) {
    throw Error(Fault::plugin, fmt::format("{}: its struct is {} bytes, at least {} are needed",
                                           what, given, needed));
  }
}

/// `object` as it is, once it is known to be there, whole, and able to be destroyed. Otherwise it
/// is left alone, since a struct that ends early has no `destroy` to call. `needed`: bytes that a
/// plugin of the oldest ABI fills in.
template <typename Object>
Object* adopt(std::string_view what, Object* object, std::size_t needed = sizeof(Object)) {
  if (object == nullptr) throw Error(Fault::plugin, fmt::format("{}: the plugin made none", what));
  require_size(what, object->struct_size, needed);
  if (object->destroy == nullptr) {
    throw Error(Fault::plugin, fmt::format("{}: its struct lacks destroy", what));
  }
  return object;
}

/// The factory of a kind as its ABI type, complete.
template <typename Factory>
const Factory& factory_of(Registry& registry, Kind kind, std::string_view id) {
  const auto* factory = static_cast<const Factory*>(registry.factory(kind, id));
  require_size(fmt::format("{} {}", to_string(kind), id), factory->struct_size, sizeof(Factory));
  return *factory;
}

}  // namespace trellis::plugin
