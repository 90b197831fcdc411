#include "storage/queries.hpp"

#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "core/metrics/edit_similarity.hpp"
#include "core/text/unicode.hpp"
#include "storage/migrations.hpp"
#include "storage/reader_implementation.hpp"

namespace trellis::storage {
namespace {

constexpr std::string_view experiment_sql =
    "SELECT experiment, name, created, seed, config_text, "
    "(SELECT details FROM environments WHERE environments.environment = experiments.environment), "
    "(SELECT count(*) FROM experiment_trials AS arms WHERE arms.experiment = "
    "experiments.experiment), "
    "(SELECT count(*) FROM experiment_trials AS arms JOIN trials USING (trial) WHERE "
    "arms.experiment = experiments.experiment AND status = 'done'), "
    "(SELECT count(*) FROM experiment_trials AS arms JOIN trials USING (trial) WHERE "
    "arms.experiment = experiments.experiment AND status = 'failed'), config_path, overrides "
    "FROM experiments ORDER BY last_run DESC, experiment DESC";

ExperimentRow experiment_at(const Query& query) {
  ExperimentRow row;
  row.id = query.integer_at(0);
  row.name = query.text_at(1);
  row.created = query.text_at(2);
  row.seed = query.count_at(3);
  row.config_text = query.text_at(4);
  row.environment = query.json_at(5);
  row.trials = query.count_at(6);
  row.trials_done = query.count_at(7);
  row.trials_failed = query.count_at(8);
  row.config_path = query.text_at(9);
  const auto overrides = query.json_at(10);
  for (const auto& entry : overrides) {
    if (entry.is_string()) row.overrides.push_back(entry.get<std::string>());
  }
  return row;
}

ModelRow model_at(const Query& query) {
  ModelRow row;
  row.record = {query.text_at(0), query.text_at(1), query.text_at(2), query.text_at(3),
                query.json_at(4), query.text_at(5), query.count_at(6)};
  if (!query.is_null(7)) {
    row.result = ModelResult{query.count_at(8), query.text_at(9), query.json_at(10)};
  }
  row.training_seconds = query.optional_real_at(11).value_or(0);
  return row;
}

TaskRecord task_at(const Query& query) {
  return {query.text_at(0), query.text_at(1), query.text_at(2),  query.text_at(3), query.json_at(4),
          query.json_at(5), query.text_at(6), query.count_at(7), query.json_at(8)};
}

TrialTotals totals_at(const Query& query, int first) {
  return {query.count_at(first), query.count_at(first + 1), query.count_at(first + 2),
          query.optional_real_at(first + 3).value_or(0)};
}

TrialRow trial_at(const Query& query) {
  TrialRow row;
  row.record.id = query.text_at(0);
  row.record.model_id = query.text_at(1);
  row.record.task_id = query.text_at(2);
  row.record.strategy_label = query.text_at(3);
  row.record.strategy_plugin = query.text_at(4);
  row.record.strategy = query.json_at(5);
  row.record.seed = query.count_at(6);
  row.record.expected_samples = query.count_at(7);
  row.model_label = query.text_at(8);
  row.task_label = query.text_at(9);
  row.status = trial_status(query.text_at(10));
  row.stored_samples = query.count_at(11);
  row.totals = totals_at(query, 12);
  return row;
}

std::map<std::string, TrialMetric> metrics_of_trial(Connection& connection, std::int64_t trial) {
  std::map<std::string, TrialMetric> metrics;
  auto query =
      connection.query("SELECT metric, value, low, high, n FROM trial_metrics WHERE trial = ?");
  query.integer(trial);
  while (query.step()) {
    metrics[query.text_at(0)] = {query.text_at(0), query.optional_real_at(1),
                                 query.optional_real_at(2), query.optional_real_at(3),
                                 query.count_at(4)};
  }
  return metrics;
}

TrainingPoint point_at(const Query& query) {
  return {query.count_at(0),         query.text_at(1), query.count_at(2),
          query.real_at(3),          query.real_at(4), query.optional_real_at(5),
          query.optional_real_at(6), query.json_at(7)};
}

FailureRow failure_at(const Query& query) {
  FailureRow row;
  row.at = query.text_at(0);
  if (!query.is_null(1)) row.record.trial_id = query.text_at(1);
  if (!query.is_null(2)) row.record.model_id = query.text_at(2);
  row.record.stage = query.text_at(3);
  row.record.message = query.text_at(4);
  if (!query.is_null(5)) row.record.signal = static_cast<int>(query.integer_at(5));
  if (!query.is_null(6)) row.record.example_id = query.text_at(6);
  row.record.standard_error = query.text_at(7);
  return row;
}

}  // namespace

std::int64_t Reader::Implementation::trial_key(const std::string& trial) {
  auto query = connection.query("SELECT trial FROM trials WHERE id = ?");
  if (!query.text(trial).step()) {
    throw Error(Fault::usage, connection.path().string() + ": holds no trial " + trial);
  }
  return query.integer_at(0);
}

Reader::Reader(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;
Reader::~Reader() = default;

Reader Reader::open(const std::filesystem::path& path) {
  auto implementation = std::make_unique<Implementation>(path);
  if (implementation->connection.version() < static_cast<std::int32_t>(migrations().size())) {
    implementation.reset();
    Store::open(path);  // Brings an older schema up to date.
    implementation = std::make_unique<Implementation>(path);
  }
  return Reader(std::move(implementation));
}

std::vector<ExperimentRow> Reader::experiments() {
  return rows_of(
      implementation_->connection, experiment_sql, [](Query&) {}, experiment_at);
}

ExperimentRow Reader::experiment(std::string_view name) {
  auto rows = experiments();
  const auto path = implementation_->connection.path().string();
  if (rows.empty()) {
    throw Error(Fault::usage, path + ": holds no experiment yet; `trellis run` adds one");
  }
  if (name.empty()) return rows.front();
  const auto found =
      std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return row.name == name; });
  if (found != rows.end()) return *found;
  const auto distance = [&](const ExperimentRow& row) {
    const auto a = text::to_code_points(row.name);
    const auto b = text::to_code_points(name);
    return metrics::edit_distance({a.data(), a.size()}, {b.data(), b.size()});
  };
  const auto nearest = std::ranges::min_element(rows, {}, distance);
  throw Error(Fault::usage, path + ": holds no experiment '" + std::string(name) +
                                "'; the nearest name is '" + nearest->name + "'");
}

std::vector<ModelRow> Reader::models(std::int64_t experiment) {
  return rows_of(
      implementation_->connection,
      "SELECT models.model, arms.label, plugin, plugin_version, settings, task_label, seed, "
      "ready, parameters, weights_hash, description, "
      "(SELECT total(coalesce(training_runs.seconds, (SELECT max(seconds) FROM training_points "
      "WHERE training_points.run = training_runs.run))) "
      "FROM training_runs WHERE training_runs.model = models.model) "
      "FROM experiment_models AS arms JOIN models ON models.model = arms.model "
      "WHERE experiment = ? ORDER BY position",
      [&](Query& query) { query.integer(experiment); }, model_at);
}

std::vector<TaskRecord> Reader::tasks(std::int64_t experiment) {
  return rows_of(
      implementation_->connection,
      "SELECT tasks.task, arms.label, plugin, plugin_version, settings, metrics, data_hash, "
      "test_examples, overlap FROM experiment_tasks AS arms JOIN tasks ON tasks.task = arms.task "
      "WHERE experiment = ? ORDER BY position",
      [&](Query& query) { query.integer(experiment); }, task_at);
}

std::vector<TrialRow> Reader::trials(std::int64_t experiment) {
  auto& connection = implementation_->connection;
  return rows_of(
      connection,
      "SELECT id, model, task, arms.strategy_label, strategy_plugin, strategy, seed, "
      "expected_samples, model_label, task_label, status, "
      "(SELECT count(*) FROM samples WHERE samples.trial = trials.trial), "
      "prompt_tokens, delivered_tokens, computed_tokens, seconds, trials.trial "
      "FROM experiment_trials AS arms JOIN trials ON trials.trial = arms.trial "
      "WHERE experiment = ? ORDER BY position",
      [&](Query& query) { query.integer(experiment); },
      [&](const Query& query) {
        auto row = trial_at(query);
        row.metrics = metrics_of_trial(connection, query.integer_at(16));
        return row;
      });
}

TrialTotals Reader::trial_totals(const std::string& trial) {
  const auto rows = rows_of(
      implementation_->connection,
      "SELECT prompt_tokens, delivered_tokens, computed_tokens, seconds FROM trials WHERE id = ?",
      [&](Query& query) { query.text(trial); },
      [](const Query& query) { return totals_at(query, 0); });
  return rows.empty() ? TrialTotals() : rows.front();
}

std::vector<TrainingPoint> Reader::training_curve(const std::string& model) {
  return rows_of(
      implementation_->connection,
      "SELECT step, split, tokens, training_points.seconds, loss, learning_rate, gradient_norm, "
      "expert_use "
      "FROM training_points JOIN training_runs USING (run) WHERE model = ? ORDER BY step, split",
      [&](Query& query) { query.text(model); }, point_at);
}

std::vector<FailureRow> Reader::failures(std::int64_t experiment) {
  return rows_of(
      implementation_->connection,
      "SELECT at, trials.id, failures.model, stage, message, signal, example_id, standard_error "
      "FROM failures LEFT JOIN trials ON trials.trial = failures.trial WHERE "
      "failures.trial IN (SELECT trial FROM experiment_trials WHERE experiment = ?1) OR "
      "failures.model IN (SELECT model FROM experiment_models WHERE experiment = ?1) OR "
      "(failures.trial IS NULL AND failures.model IS NULL AND failures.experiment = ?1) "
      "ORDER BY failure",
      [&](Query& query) { query.integer(experiment); }, failure_at);
}

}  // namespace trellis::storage
