/// One plugin's shared library: opened once, never closed.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/plugin/registry.hpp"
#include "trellis/abi/entry.h"

namespace trellis::plugin {

/// The id under which a plugin's entry offers the factory of a kind.
const char* factory_id(Kind kind);

/// An opened library whose entry was checked and initialised.
class Library {
 public:
  /// Throws Error(missing) when the file is not there, Error(plugin) when it is no plugin, speaks
  /// another ABI, or its `init` fails. The symbol table is read before the library is opened, so
  /// that no code of a foreign library runs.
  static Library open(const std::filesystem::path& path, const trellis_host& host);

  const trellis_plugin_entry_v1& entry() const { return *entry_; }
  /// Null when the plugin has none of this kind.
  const void* factory(Kind kind) const;
  /// What its factories say of themselves, in the order of Kind.
  std::vector<Description> descriptions() const;

 private:
  Library(std::filesystem::path path, const trellis_plugin_entry_v1* entry)
      : path_(std::move(path)), entry_(entry) {}
  std::filesystem::path path_;
  const trellis_plugin_entry_v1* entry_;
};

/// Throws Error(plugin) for a description that the ABI does not allow.
Description parse_description(const nlohmann::json& json);

/// Why the host cannot speak this version of the ABI; empty when it can.
std::string abi_problem(int major, int minor);

}  // namespace trellis::plugin
