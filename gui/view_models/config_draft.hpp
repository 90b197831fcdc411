/// A config that is being composed: forms made of the plugins' own descriptions, what was typed
/// into them, the TOML of that, and which field a complaint of `trellis validate` is about.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace trellis::gui {

/// One field of a form.
struct SettingForm {
  std::string name;
  std::string type;  ///< as trellis/abi/entry.h has it
  std::string summary;
  std::string group;
  std::string default_text;  ///< empty where `required`
  std::string range;         ///< "above 0, at most 1"; may be empty
  std::vector<std::string> choices;
  bool required = false;
};

struct PluginForm {
  std::string kind;  ///< "task", "model", "strategy" or "logits_processor"
  std::string id;
  std::string summary;
  std::vector<SettingForm> settings;
};

/// All that a config may hold.
struct ConfigForms {
  std::vector<SettingForm> experiment;
  std::vector<PluginForm> plugins;
  std::string problem;  ///< why there are none, in one line

  const PluginForm* find(std::string_view kind, std::string_view id) const;
  std::vector<std::string> ids(std::string_view kind) const;
};

/// What `trellis plugins list --json` writes. Throws Error(bad_data) when it is something else.
ConfigForms config_forms_from(const nlohmann::json& json);

/// One table of a config as typed.
struct DraftTable {
  std::string kind;  ///< "experiment", "task", "model" or "strategy"
  std::string plugin;
  std::map<std::string, std::string> values;  ///< by key; what is empty is left out

  bool operator==(const DraftTable&) const = default;
};
using ConfigDraft = std::vector<DraftTable>;

/// The same without keys whose values are empty: what the TOML is made of.
ConfigDraft without_empty(ConfigDraft draft);

/// A name, a task, a model and a strategy: of each kind the first of `like` that there is, else
/// greedy, else the first there is.
ConfigDraft fresh_draft(const ConfigForms& forms, const std::vector<std::string>& like = {});

/// Which table's key a line is about; the key is empty for the table's own line.
struct DraftPlace {
  std::size_t table = 0;
  std::string key;
};

struct WrittenDraft {
  std::string toml;
  std::vector<DraftPlace> lines;  ///< one a line of `toml`
};

/// Texts are quoted, unless they are lists or tables of TOML already; all else stands as typed, so
/// that a list or a range makes a sweep.
WrittenDraft toml_of(const ConfigDraft& draft, const ConfigForms& forms);

struct DraftProblem {
  DraftPlace place;
  bool placed = false;  ///< `place` is known; else it is about the whole
  std::string message;
};

/// What `trellis validate` said of the file at `path`, line by line.
std::vector<DraftProblem> draft_problems(const WrittenDraft& draft,
                                         const std::filesystem::path& path,
                                         std::string_view standard_error);

}  // namespace trellis::gui
