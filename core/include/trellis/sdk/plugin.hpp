/// The entry of a C++ plugin.
///
///   TRELLIS_PLUGIN(trellis::sdk::strategy_factory<Greedy>())
///
/// once in one source file exports everything the host needs. Several factories may be listed.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "trellis/abi/entry.h"
#include "trellis/sdk/failure.hpp"
#include "trellis/sdk/json.hpp"
#include "trellis/sdk/settings.hpp"

namespace trellis::sdk {

/// A factory and the id under which the host asks for it.
struct Offer {
  const char* id;
  const void* factory;
};

namespace detail {

inline const trellis_host* host_services = nullptr;

inline trellis_status remember_host(const trellis_host* host, trellis_error*) {
  host_services = host;
  return TRELLIS_OK;
}

inline const void* find_offer(const char* id, std::initializer_list<Offer> offers) {
  for (const auto& offer : offers) {
    if (std::string_view(offer.id) == id) return offer.factory;
  }
  return nullptr;
}

inline void write_text(trellis_text_sink* sink, std::string_view text) {
  sink->write(sink->context, text.data(), text.size());
}

inline void write_json(trellis_text_sink* sink, const Json& json) {
  write_text(sink, sdk::write_json(json));
}

inline std::string_view view_of(trellis_span span) {
  return {span.data, span.size};
}

/// `describe` of any factory: Type::description() is the JSON that trellis/abi/entry.h defines.
template <typename Type>
trellis_status describe(trellis_text_sink* json, trellis_error* error) {
  return guard(error, [&] { write_json(json, Type::description()); });
}

}  // namespace detail

/// The host's services; valid from the plugin's start on.
inline const trellis_host& host() {
  return *detail::host_services;
}

inline bool cancelled() {
  return host().cancelled(host().context) != 0;
}
inline int threads() {
  return host().threads(host().context);
}

enum class LogLevel { debug = 0, information = 1, warning = 2, error = 3 };
inline void log(LogLevel level, std::string_view line) {
  host().log(host().context, static_cast<std::int32_t>(level), line.data(), line.size());
}

}  // namespace trellis::sdk

#define TRELLIS_PLUGIN(...)                                                                  \
  extern "C" {                                                                               \
  TRELLIS_EXPORT extern const trellis_plugin_entry_v1 trellis_plugin_entry;                  \
  const trellis_plugin_entry_v1 trellis_plugin_entry = {                                     \
      sizeof(trellis_plugin_entry_v1),                                                       \
      TRELLIS_ABI_MAJOR,                                                                     \
      TRELLIS_ABI_MINOR,                                                                     \
      &::trellis::sdk::detail::remember_host,                                                \
      [] {},                                                                                 \
      [](const char* id) { return ::trellis::sdk::detail::find_offer(id, {__VA_ARGS__}); }}; \
  }                                                                                          \
  static_assert(true, "a semicolon may follow")
