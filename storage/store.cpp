#include "storage/store.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <utility>

#include "core/error.hpp"
#include "storage/store_implementation.hpp"

namespace trellis::storage {
namespace {

constexpr std::array<std::string_view, 4> status_names{"pending", "running", "done", "failed"};

void put_models(Connection& connection, std::int64_t experiment,
                const std::vector<ModelRecord>& models) {
  connection.query("DELETE FROM experiment_models WHERE experiment = ?").integer(experiment).run();
  std::int64_t position = 0;
  for (const auto& model : models) {
    const auto settings = to_text(model.settings);
    connection
        .query(
            "INSERT INTO models (model, label, plugin, plugin_version, settings, task_label, "
            "seed) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")
        .text(model.id)
        .text(model.label)
        .text(model.plugin)
        .text(model.plugin_version)
        .text(settings)
        .text(model.task_label)
        .count(model.seed)
        .run();
    connection.query("INSERT INTO experiment_models VALUES (?, ?, ?, ?)")
        .integer(experiment)
        .integer(position++)
        .text(model.id)
        .text(model.label)
        .run();
  }
}

void put_tasks(Connection& connection, std::int64_t experiment,
               const std::vector<TaskRecord>& tasks) {
  connection.query("DELETE FROM experiment_tasks WHERE experiment = ?").integer(experiment).run();
  std::int64_t position = 0;
  for (const auto& task : tasks) {
    const auto settings = to_text(task.settings);
    const auto metrics = to_text(task.metrics);
    const auto overlap = task.overlap.is_null() ? std::string() : to_text(task.overlap);
    connection
        .query(
            "INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (task) DO UPDATE "
            "SET metrics = excluded.metrics, overlap = coalesce(excluded.overlap, overlap)")
        .text(task.id)
        .text(task.label)
        .text(task.plugin)
        .text(task.plugin_version)
        .text(settings)
        .text(metrics)
        .text(task.data_hash)
        .count(task.test_examples)
        .text_or_null(overlap.empty() ? nullptr : &overlap)
        .run();
    connection.query("INSERT INTO experiment_tasks VALUES (?, ?, ?, ?)")
        .integer(experiment)
        .integer(position++)
        .text(task.id)
        .text(task.label)
        .run();
  }
}

template <class Record>
std::unordered_map<std::string, std::string> labels_of(const std::vector<Record>& records) {
  std::unordered_map<std::string, std::string> labels;
  for (const auto& record : records) labels.emplace(record.id, record.label);
  return labels;
}

const std::string& label_of(const std::unordered_map<std::string, std::string>& labels,
                            const std::string& id, const std::string& trial) {
  const auto found = labels.find(id);
  if (found == labels.end()) {
    throw Error(Fault::usage, "trial " + trial + " names " + id +
                                  ", which is among the experiment's models and tasks nowhere");
  }
  return found->second;
}

void put_trial(Connection& connection, const TrialRecord& trial) {
  const auto strategy = to_text(trial.strategy);
  // More samples asked for than before: what was done is so no longer.
  connection
      .query(
          "INSERT INTO trials (id, model, task, strategy_label, strategy_plugin, strategy, seed, "
          "expected_samples) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
          "status = CASE WHEN status = 'done' AND excluded.expected_samples > expected_samples "
          "THEN 'pending' ELSE status END, expected_samples = excluded.expected_samples "
          "WHERE expected_samples <> excluded.expected_samples")
      .text(trial.id)
      .text(trial.model_id)
      .text(trial.task_id)
      .text(trial.strategy_label)
      .text(trial.strategy_plugin)
      .text(strategy)
      .count(trial.seed)
      .count(trial.expected_samples)
      .run();
}

void put_trials(Connection& connection, std::int64_t experiment,
                const std::vector<ModelRecord>& models, const std::vector<TaskRecord>& tasks,
                const std::vector<TrialRecord>& trials) {
  const auto model_labels = labels_of(models);
  const auto task_labels = labels_of(tasks);
  connection.query("DELETE FROM experiment_trials WHERE experiment = ?").integer(experiment).run();
  std::int64_t position = 0;
  for (const auto& trial : trials) {
    const auto& model_label = label_of(model_labels, trial.model_id, trial.id);
    const auto& task_label = label_of(task_labels, trial.task_id, trial.id);
    put_trial(connection, trial);
    connection
        .query("INSERT INTO experiment_trials SELECT ?, ?, trial, ?, ?, ? FROM trials WHERE id = ?")
        .integer(experiment)
        .integer(position++)
        .text(model_label)
        .text(task_label)
        .text(trial.strategy_label)
        .text(trial.id)
        .run();
  }
}

std::int64_t only_integer(Query& query) {
  query.step();
  return query.integer_at(0);
}

}  // namespace

std::string_view to_string(TrialStatus status) {
  return status_names[static_cast<std::size_t>(status)];
}

TrialStatus trial_status(std::string_view name) {
  const auto* const found = std::find(status_names.begin(), status_names.end(), name);
  return static_cast<TrialStatus>(found - status_names.begin());
}

std::string now_utc() {
  const auto now = std::chrono::system_clock::now();
  const auto seconds = std::chrono::system_clock::to_time_t(now);
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[40];
  const auto length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + length, sizeof text - length, ".%03dZ", static_cast<int>(milliseconds));
  return text;
}

std::int64_t Store::Implementation::trial_key(const std::string& trial) {
  const auto known = trial_keys.find(trial);
  if (known != trial_keys.end()) return known->second;
  auto query = connection.query("SELECT trial FROM trials WHERE id = ?");
  query.text(trial);
  if (!query.step()) {
    throw Error(Fault::usage, connection.path().string() + ": holds no trial " + trial);
  }
  return trial_keys[trial] = query.integer_at(0);
}

Store::Store(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

Store Store::open(const std::filesystem::path& path, Clock clock) {
  return Store(std::make_unique<Implementation>(path, std::move(clock)));
}

std::int64_t Store::put_experiment(const ExperimentRecord& experiment,
                                   const std::vector<ModelRecord>& models,
                                   const std::vector<TaskRecord>& tasks,
                                   const std::vector<TrialRecord>& trials) {
  auto& connection = implementation_->connection;
  const auto time = implementation_->clock();
  const auto details = to_text(experiment.environment);
  const auto overrides = to_text(experiment.overrides);
  std::int64_t key = 0;
  std::int64_t environment = 0;
  connection.transaction([&] {
    connection
        .query(
            "INSERT INTO environments (first_seen, details) VALUES (?, ?) "
            "ON CONFLICT DO NOTHING")
        .text(time)
        .text(details)
        .run();
    auto of_environment =
        connection.query("SELECT environment FROM environments WHERE details = ?");
    environment = only_integer(of_environment.text(details));
    connection
        .query(
            "INSERT INTO experiments (name, created, last_run, config_path, config_text, seed, "
            "environment, overrides) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE "
            "SET "
            "last_run = excluded.last_run, run_count = run_count + 1, "
            "config_path = excluded.config_path, config_text = excluded.config_text, "
            "seed = excluded.seed, environment = excluded.environment, "
            "overrides = excluded.overrides")
        .text(experiment.name)
        .text(time)
        .text(time)
        .text(experiment.config_path)
        .text(experiment.config_text)
        .count(experiment.seed)
        .integer(environment)
        .text(overrides)
        .run();
    auto of_experiment = connection.query("SELECT experiment FROM experiments WHERE name = ?");
    key = only_integer(of_experiment.text(experiment.name));
    put_models(connection, key, models);
    put_tasks(connection, key, tasks);
    put_trials(connection, key, models, tasks, trials);
  });
  implementation_->experiment = key;
  implementation_->environment = environment;
  return key;
}

TrialStatus Store::status(const std::string& trial) {
  auto& connection = implementation_->connection;
  TrialStatus result = TrialStatus::pending;
  connection.guarded([&] {
    auto query = connection.query("SELECT status FROM trials WHERE id = ?");
    query.text(trial);
    if (!query.step()) {
      throw Error(Fault::usage, connection.path().string() + ": holds no trial " + trial);
    }
    result = trial_status(query.text_at(0));
  });
  return result;
}

void Store::set_status(const std::string& trial, TrialStatus status) {
  auto& connection = implementation_->connection;
  const std::string name(to_string(status));
  const auto time = implementation_->clock();
  connection.transaction([&] {
    const auto key = implementation_->trial_key(trial);
    connection.query("UPDATE trials SET status = ? WHERE trial = ?").text(name).integer(key).run();
    if (status == TrialStatus::running) {
      auto query = connection.query(
          "UPDATE trials SET started = ?, finished = NULL, environment = coalesce(?, environment) "
          "WHERE trial = ?");
      query.text(time);
      if (implementation_->environment) {
        query.integer(*implementation_->environment);
      } else {
        query.null();
      }
      query.integer(key).run();
    } else if (status != TrialStatus::pending) {
      connection.query("UPDATE trials SET finished = ? WHERE trial = ?")
          .text(time)
          .integer(key)
          .run();
    }
  });
}

bool Store::model_is_ready(const std::string& model) {
  auto& connection = implementation_->connection;
  bool ready = false;
  connection.guarded([&] {
    auto query = connection.query("SELECT ready IS NOT NULL FROM models WHERE model = ?");
    ready = query.text(model).step() && query.integer_at(0) != 0;
  });
  return ready;
}

void Store::put_model_result(const std::string& model, const ModelResult& result) {
  auto& connection = implementation_->connection;
  const auto time = implementation_->clock();
  const auto description = to_text(result.description);
  connection.transaction([&] {
    connection
        .query(
            "UPDATE models SET ready = ?, parameters = ?, weights_hash = ?, description = ? "
            "WHERE model = ?")
        .text(time)
        .count(result.parameters)
        .text(result.weights_hash)
        .text(description)
        .text(model)
        .run();
    if (connection.database().getChanges() == 0) {
      throw Error(Fault::usage, connection.path().string() + ": holds no model " + model);
    }
  });
}

std::int64_t Store::begin_training(const std::string& model) {
  auto& connection = implementation_->connection;
  const auto time = implementation_->clock();
  std::int64_t run = 0;
  connection.transaction([&] {
    connection.query("INSERT INTO training_runs (model, started) VALUES (?, ?)")
        .text(model)
        .text(time)
        .run();
    run = connection.database().getLastInsertRowid();
  });
  return run;
}

void Store::put_training_points(std::int64_t run, const std::vector<TrainingPoint>& points) {
  if (points.empty()) return;
  auto& connection = implementation_->connection;
  const auto first = std::min_element(points.begin(), points.end(),
                                      [](const auto& a, const auto& b) { return a.step < b.step; });
  connection.transaction([&] {
    // An earlier run went past the checkpoint that this one resumed from.
    connection
        .query(
            "DELETE FROM training_points WHERE step >= ? AND run IN (SELECT earlier.run FROM "
            "training_runs AS earlier JOIN training_runs AS this USING (model) WHERE "
            "this.run = ? AND earlier.run < this.run)")
        .count(first->step)
        .integer(run)
        .run();
    for (const auto& point : points) {
      const auto expert_use =
          point.expert_use.is_null() ? std::string() : to_text(point.expert_use);
      connection.query("INSERT OR REPLACE INTO training_points VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
          .integer(run)
          .text(point.split)
          .count(point.step)
          .count(point.tokens)
          .real(point.seconds)
          .real(point.loss)
          .real(point.learning_rate)
          .real(point.gradient_norm)
          .text_or_null(expert_use.empty() ? nullptr : &expert_use)
          .run();
    }
  });
}

void Store::end_training(std::int64_t run, std::string_view status, double seconds) {
  auto& connection = implementation_->connection;
  const std::string name(status);
  const auto time = implementation_->clock();
  connection.transaction([&] {
    connection.query("UPDATE training_runs SET ended = ?, status = ?, seconds = ? WHERE run = ?")
        .text(time)
        .text(name)
        .real(seconds)
        .integer(run)
        .run();
  });
}

}  // namespace trellis::storage
