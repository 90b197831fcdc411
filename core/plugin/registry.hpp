/// Finding, checking and loading plugins.
///
/// A plugin is a shared library with a manifest beside it (`rnn.so`, `rnn.json`), which holds the
/// descriptions of everything the library offers. The registry reads manifests only: listing,
/// validating and planning open no library. A library is opened when one of its factories is first
/// asked for, after its manifest, its size and its exported symbol have been checked, and stays
/// open until the process ends.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/plugin/settings.hpp"
#include "trellis/abi/entry.h"

namespace trellis::plugin {

enum class Kind { model, strategy, logits_processor, task };
std::string_view to_string(Kind kind);

/// What a plugin says of one thing it offers.
struct Description {
  std::string id;
  Kind kind = Kind::model;
  std::string version;
  std::string summary;
  std::string reference;
  Settings settings;
  nlohmann::json json;  ///< the whole description, keys of its kind included
};

struct PluginFile {
  std::filesystem::path library;
  std::filesystem::path manifest;
  std::vector<Description> offers;
  int abi_major = 0;
  int abi_minor = 0;
  std::string problem;  ///< empty when it may be opened; else one line
};

/// Where plugins are looked for; the first that offers an id wins.
/// Order: `from_flags`, then TRELLIS_PLUGIN_PATH (colon-separated), then `installed`.
std::vector<std::filesystem::path> search_path(const std::vector<std::filesystem::path>& from_flags,
                                               const char* environment,
                                               const std::filesystem::path& installed);

class Registry {
 public:
  /// Reads the manifests in the folders; folders that do not exist are skipped. `host` must live as
  /// long as the process; it is given to plugins.
  Registry(const std::vector<std::filesystem::path>& folders, const trellis_host& host);
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  const std::vector<PluginFile>& files() const;
  /// Null when no usable plugin offers it.
  const Description* find(Kind kind, std::string_view id) const;
  /// As find, but throws Error(missing) with the nearest right name and the folders searched.
  const Description& get(Kind kind, std::string_view id) const;
  std::vector<std::string> ids(Kind kind) const;

  /// Opens the library if need be. The struct is of the kind's ABI type (trellis_model_factory
  /// ...). Throws Error(missing) or Error(plugin).
  const void* factory(Kind kind, std::string_view id);

  /// Opens one library and compares what it says with its manifest and the ABI's rules; one line a
  /// problem, empty when all is well. `trellis plugins check`.
  std::vector<std::string> check(const PluginFile& file);

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

/// The manifest of a library, made by opening it: {"manifest": 1, "abi": [1, 0], "library":
/// "rnn.so", "size": bytes, "offers": [descriptions]}. Used when a plugin is built.
nlohmann::json make_manifest(const std::filesystem::path& library, const trellis_host& host);

/// Throws Error with the plugin's message when `status` is not TRELLIS_OK.
void throw_on_failure(trellis_status status, const trellis_error& error, std::string_view what);

}  // namespace trellis::plugin
