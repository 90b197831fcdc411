#include "core/plugin/library.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/dll/shared_library.hpp>
#include <cstdlib>
#include <list>
#include <map>
#include <mutex>

#include "core/plugin/boundary.hpp"
#include "core/plugin/elf.hpp"
#include "trellis/abi/model.h"
#include "trellis/abi/strategy.h"
#include "trellis/abi/task.h"

namespace trellis::plugin {
namespace {

constexpr std::array kKinds = {Kind::model, Kind::strategy, Kind::logits_processor, Kind::task};

// Boost keeps only a number; the loader's own words name the missing library or symbol.
std::string reason_of(const boost::system::error_code& failure) {
  const char* reason = dlerror();
  return one_line(reason != nullptr ? std::string(reason) : failure.message());
}

/// All factories begin with the struct's size and `describe`.
struct AnyFactory {
  std::uint32_t struct_size;
  trellis_status (*describe)(trellis_text_sink* json, trellis_error* error);
};

// Reachable until the process ends, and so is all that plugins' threads and exit handlers use.
std::list<boost::dll::shared_library>& never_closed() {
  static auto* libraries = new std::list<boost::dll::shared_library>();
  return *libraries;
}

/// Entries whose `init` has succeeded: a library is initialised once in a process, however many
/// registries open it. Never destroyed, as plugins outlive everything.
std::map<std::filesystem::path, const trellis_plugin_entry_v1*>& initialised() {
  static auto* entries = new std::map<std::filesystem::path, const trellis_plugin_entry_v1*>();
  return *entries;
}

bool is_identifier(std::string_view id) {
  const auto ordinary = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !id.empty() && id.front() >= 'a' && id.front() <= 'z' &&
         std::all_of(id.begin(), id.end(), ordinary);
}

}  // namespace

const char* factory_id(Kind kind) {
  switch (kind) {
    case Kind::model:
      return TRELLIS_MODEL_FACTORY;
    case Kind::strategy:
      return TRELLIS_STRATEGY_FACTORY;
    case Kind::logits_processor:
      return TRELLIS_LOGITS_PROCESSOR_FACTORY;
    case Kind::task:
      return TRELLIS_TASK_FACTORY;
  }
  return "";
}

std::string abi_problem(int major, int minor) {
  if (major != TRELLIS_ABI_MAJOR) {
    return fmt::format("built for plugin ABI {}.{}, this Trellis speaks {}.{}: rebuild the plugin",
                       major, minor, TRELLIS_ABI_MAJOR, TRELLIS_ABI_MINOR);
  }
  if (minor > TRELLIS_ABI_MINOR) {
    return fmt::format("needs plugin ABI {}.{}, this Trellis speaks {}.{}: update Trellis", major,
                       minor, TRELLIS_ABI_MAJOR, TRELLIS_ABI_MINOR);
  }
  return "";
}

Description parse_description(const nlohmann::json& json) {
  Description description;
  try {
    description.id = json.at("id").get<std::string>();
    const auto kind = json.at("kind").get<std::string>();
    const auto* known = std::find_if(kKinds.begin(), kKinds.end(),
                                     [&](Kind candidate) { return to_string(candidate) == kind; });
    if (known == kKinds.end()) throw Error(Fault::plugin, fmt::format("unknown kind \"{}\"", kind));
    description.kind = *known;
    description.version = json.at("version").get<std::string>();
    description.summary = json.value("summary", "");
    description.reference = json.value("reference", "");
  } catch (const nlohmann::json::exception& exception) {
    throw Error(Fault::plugin,
                fmt::format("malformed description: {}", one_line(exception.what())));
  }
  if (!is_identifier(description.id)) {
    throw Error(Fault::plugin,
                fmt::format("id \"{}\" is not of the form [a-z][a-z0-9_]*", description.id));
  }
  description.settings = parse_settings(json);
  description.json = json;
  return description;
}

Library Library::open(const std::filesystem::path& path, const trellis_host& host) {
  const std::string name = path.string();
  if (!std::filesystem::exists(path)) {
    throw Error(Fault::missing, fmt::format("{}: no such plugin library", name));
  }
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  const auto key = std::filesystem::canonical(path);
  if (const auto found = initialised().find(key); found != initialised().end()) {
    return Library(path, found->second);
  }
  if (!exports_symbol(path, TRELLIS_PLUGIN_ENTRY_SYMBOL)) {
    throw Error(Fault::plugin, fmt::format("{}: does not export {}: not a Trellis plugin", name,
                                           TRELLIS_PLUGIN_ENTRY_SYMBOL));
  }
  // Never closed: a plugin may own threads and thread-local data that must not
  // be unmapped. RTLD_LOCAL keeps two plugins' symbols apart.
  boost::system::error_code failure;
  auto& library = never_closed().emplace_back();
  library.load(name, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local, failure);
  if (failure) {
    throw Error(Fault::plugin, fmt::format("{}: cannot be opened: {}", name, reason_of(failure)));
  }
  const auto* entry = &library.get<const trellis_plugin_entry_v1>(TRELLIS_PLUGIN_ENTRY_SYMBOL);
  if (entry->struct_size < sizeof(trellis_plugin_entry_v1)) {
    throw Error(Fault::plugin,
                fmt::format("{}: its entry is {} bytes, at least {} are needed", name,
                            entry->struct_size, sizeof(trellis_plugin_entry_v1)));
  }
  const auto problem = abi_problem(entry->abi_major, entry->abi_minor);
  if (!problem.empty()) throw Error(Fault::plugin, fmt::format("{}: {}", name, problem));
  if (entry->init == nullptr || entry->get_factory == nullptr) {
    throw Error(Fault::plugin, fmt::format("{}: its entry lacks init or get_factory", name));
  }
  call(name + ": init", [&](trellis_error* error) { return entry->init(&host, error); });
  initialised().emplace(key, entry);
  // Registered after the library's own static objects were made, hence run before they go.
  if (entry->deinit != nullptr) std::atexit(entry->deinit);
  return Library(path, entry);
}

const void* Library::factory(Kind kind) const {
  const AnyFactory* factory = nullptr;
  call(path_.string() + ": get_factory", [&](trellis_error*) {
    factory = static_cast<const AnyFactory*>(entry_->get_factory(factory_id(kind)));
    return TRELLIS_OK;
  });
  if (factory != nullptr && (factory->struct_size < sizeof(AnyFactory) || !factory->describe)) {
    throw Error(Fault::plugin,
                fmt::format("{}: its {} factory lacks describe", path_.string(), to_string(kind)));
  }
  return factory;
}

std::vector<Description> Library::descriptions() const {
  std::vector<Description> all;
  for (const Kind kind : kKinds) {
    const auto* factory = static_cast<const AnyFactory*>(this->factory(kind));
    if (factory == nullptr) continue;
    const std::string what = fmt::format("{}: {}", path_.string(), to_string(kind));
    const auto json = call_for_json(what, [&](trellis_text_sink* sink, trellis_error* error) {
      return factory->describe(sink, error);
    });
    try {
      all.push_back(parse_description(json));
    } catch (const Error& error) {
      throw Error(Fault::plugin, fmt::format("{}: {}", what, error.what()));
    }
    if (all.back().kind != kind) {
      throw Error(Fault::plugin,
                  fmt::format("{}: describes itself as a {}", what, to_string(all.back().kind)));
    }
  }
  if (all.empty()) {
    throw Error(Fault::plugin,
                fmt::format("{}: offers nothing this Trellis knows", path_.string()));
  }
  return all;
}

}  // namespace trellis::plugin
