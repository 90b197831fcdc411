/// From a config to the immutable list of what is to be done.
///
/// Ids are hashes of everything that can change a result, so that the same work is known again in
/// any run and any database:
///   task:  plugin, version, settings, and the content of the files they name
///   model: plugin, version, settings, seed, the task's training data, and the model that it begins
///          at; or the given weights; and how it is shown its tasks
///   trial: model, task, strategy and processors with versions and settings, the model that is lent
///          to the strategy, seed, samples, limits
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "experiments/base_model.hpp"
#include "experiments/config.hpp"
#include "experiments/protocol.hpp"
#include "storage/store.hpp"

namespace trellis::experiments {

struct PlannedModel {
  storage::ModelRecord record;
  std::filesystem::path folder;     ///< of its weights
  bool given = false;               ///< the weights were given: nothing to train
  std::size_t training_task = 0;    ///< into the plan's tasks
  std::optional<std::size_t> base;  ///< model of the plan that must be trained before
  nlohmann::json task_settings;     ///< that its tasks have for it in place of their own
  std::vector<std::size_t> trials;  ///< into the plan's trials
};

struct PlannedTrial {
  storage::TrialRecord record;
  std::size_t model = 0;
  std::size_t task = 0;
  PluginJob strategy;
  std::vector<PluginJob> processors;
  std::optional<std::size_t> draft_model;  ///< into the plan's models; must be trained before
  DraftJob draft;                          ///< what is lent to the strategy, if anything
  std::uint64_t stream = 0;                ///< of noise; 0: the one that all trials share
  std::uint64_t samples = 1;  ///< per example, after strategies without chance were cut to one
};

struct Plan {
  storage::ExperimentRecord experiment;
  std::vector<PlannedModel> models;
  std::vector<storage::TaskRecord> tasks;
  /// A task as the model is given it.
  PluginJob task_for(const PlannedModel& model, std::size_t task) const;
  /// Why a task cannot be used, as when its plugin crashes; empty for the others.
  std::vector<std::string> task_failures;
  std::vector<PlannedTrial> trials;
};

/// Hash of a file or folder's content; an argument so that planning can be tested without files.
using HashPath = std::function<std::string(const std::filesystem::path&)>;

/// `facts`: of the config's tasks, in order; see survey_tasks. Models are trained into
/// `models_folder`/id. `known`: models that they may begin at, besides those of the config. Throws
/// Error(usage) "file:line:column: ..." for one that is not there.
Plan make_plan(const Config& config, const plugin::Registry& registry,
               const std::vector<TaskFacts>& facts, const std::filesystem::path& models_folder,
               const HashPath& hash_path, const KnownModels& known = {});

/// Of the noise that a strategy draws for itself under independent coupling, by its description in
/// its trials; never 0, which is the stream that all share.
std::uint64_t stream_of(const nlohmann::json& strategy);

}  // namespace trellis::experiments
