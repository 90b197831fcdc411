/// An experiment as a person writes it: TOML, checked against what the plugins say of themselves.
///
///   [experiment]            name, seed, samples, limit ...
///   [[model]]               plugin = "rnn", label, tasks, strategies, weights, optional,
///                           task_settings; all other keys are its settings
///   [[strategy]]            plugin = "sample", label, tasks, models; its settings, and processors
///                           by id
///   [[task]]                plugin = "translation", label; its settings
///   [[words]]               name, words: a group of words whose share in outputs is measured
///
/// A list of values, or a range {from = 0.5, to = 1.0, step = 0.1}, sweeps a setting: the entry
/// becomes one for every combination.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/metrics/word_groups.hpp"
#include "core/plugin/registry.hpp"

namespace trellis::experiments {

/// Where in the file, counted from 1; line 0: given by --set.
struct Position {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

/// The keys of [experiment]; see experiment_settings().
struct ExperimentOptions {
  std::string name;
  std::int64_t seed = 1;
  std::int64_t samples = 1;
  std::string coupling = "common";
  std::int64_t limit = 0;
  std::int64_t max_new_tokens = 0;
  std::int64_t batch_size = 32;
  std::int64_t top_alternatives = 5;
  std::int64_t contamination_words = 13;
  double timeout_seconds = 600;
  double memory_gb = 0;
};

struct ModelSpec {
  std::string label;
  std::string plugin;
  nlohmann::json settings;         ///< complete
  std::filesystem::path weights;   ///< empty: to be trained
  std::vector<std::string> tasks;  ///< labels
  Position position;
  /// What its tasks' settings are for this model, such as prompt and shots.
  nlohmann::json task_settings = nlohmann::json::object();
  /// Labels or plugins of the strategies that it is for; empty for all.
  std::vector<std::string> strategies = {};
  std::map<std::string, Position> places = {};  ///< of the keys that are given
};

struct ProcessorSpec {
  std::string plugin;
  nlohmann::json settings;
};

struct StrategySpec {
  std::string label;
  std::string plugin;
  nlohmann::json settings;
  std::vector<ProcessorSpec> processors;  ///< by id; the host orders them by rank
  std::vector<std::string> tasks;
  std::vector<std::string> models;  ///< labels or plugins; empty: all
  Position position;
  std::map<std::string, Position> places = {};  ///< of the settings that name a model
};

struct TaskSpec {
  std::string label;
  std::string plugin;
  nlohmann::json settings;
  Position position;
  std::map<std::string, Position> places = {};  ///< of the settings that are given
};

struct Config {
  std::filesystem::path path;
  std::string text;
  ExperimentOptions options;  ///< its seed is the first of `seeds`
  std::vector<std::uint64_t> seeds;
  std::vector<ModelSpec> models;
  std::vector<StrategySpec> strategies;
  std::vector<TaskSpec> tasks;
  std::vector<metrics::WordGroup> words;  ///< whose shares are measured
  std::vector<std::string> notes;         ///< a line for each model or strategy that was left out
};

/// What [experiment] may hold, as plugins describe their settings.
const plugin::Settings& experiment_settings();
/// The same as the plugins describe theirs in JSON (trellis/abi/entry.h).
nlohmann::json experiment_description();
/// `settings` are complete.
ExperimentOptions read_experiment_options(const nlohmann::json& settings);

/// The value of an environment variable, or nothing.
using Environment = std::function<std::optional<std::string>(const std::string&)>;

/// `overrides`: "experiment.samples=3", "model.hidden=64" (every model),
/// "model.lstm.hidden=64" (by label or plugin); values are TOML, or else plain text. Throws
/// Error(usage) with one line "file:line:column: what is wrong" for every mistake.
Config read_config(const std::filesystem::path& path, const std::vector<std::string>& overrides,
                   const plugin::Registry& registry, const Environment& environment);

/// "file:line:column", or "--set".
std::string place(const std::filesystem::path& path, Position position);

}  // namespace trellis::experiments
