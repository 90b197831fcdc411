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
    "arms.experiment = experiments.experiment AND status = 'failed') "
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
  return row;
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
  row.totals.prompt_tokens = query.count_at(12);
  row.totals.delivered_tokens = query.count_at(13);
  row.totals.computed_tokens = query.count_at(14);
  row.totals.seconds = query.optional_real_at(15).value_or(0);
  return row;
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
  auto& connection = implementation_->connection;
  std::vector<ExperimentRow> rows;
  connection.guarded([&] {
    auto query = connection.query(experiment_sql);
    while (query.step()) rows.push_back(experiment_at(query));
  });
  return rows;
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
  auto& connection = implementation_->connection;
  std::vector<ModelRow> rows;
  connection.guarded([&] {
    auto query = connection.query(
        "SELECT models.model, arms.label, plugin, plugin_version, settings, task_label, seed, "
        "ready, parameters, weights_hash, description, "
        "(SELECT total(coalesce(training_runs.seconds, (SELECT max(seconds) FROM training_points "
        "WHERE training_points.run = training_runs.run))) "
        "FROM training_runs WHERE training_runs.model = models.model) "
        "FROM experiment_models AS arms JOIN models ON models.model = arms.model "
        "WHERE experiment = ? ORDER BY position");
    query.integer(experiment);
    while (query.step()) {
      auto& row = rows.emplace_back();
      row.record = {query.text_at(0), query.text_at(1), query.text_at(2), query.text_at(3),
                    query.json_at(4), query.text_at(5), query.count_at(6)};
      if (!query.is_null(7)) {
        row.result = ModelResult{query.count_at(8), query.text_at(9), query.json_at(10)};
      }
      row.training_seconds = query.optional_real_at(11).value_or(0);
    }
  });
  return rows;
}

std::vector<TaskRecord> Reader::tasks(std::int64_t experiment) {
  auto& connection = implementation_->connection;
  std::vector<TaskRecord> rows;
  connection.guarded([&] {
    auto query = connection.query(
        "SELECT tasks.task, arms.label, plugin, plugin_version, settings, metrics, data_hash, "
        "test_examples FROM experiment_tasks AS arms JOIN tasks ON tasks.task = arms.task "
        "WHERE experiment = ? ORDER BY position");
    query.integer(experiment);
    while (query.step()) {
      rows.push_back({query.text_at(0), query.text_at(1), query.text_at(2), query.text_at(3),
                      query.json_at(4), query.json_at(5), query.text_at(6), query.count_at(7)});
    }
  });
  return rows;
}

std::vector<TrialRow> Reader::trials(std::int64_t experiment) {
  auto& connection = implementation_->connection;
  std::vector<TrialRow> rows;
  connection.guarded([&] {
    auto query = connection.query(
        "SELECT id, model, task, arms.strategy_label, strategy_plugin, strategy, seed, "
        "expected_samples, model_label, task_label, status, "
        "(SELECT count(*) FROM samples WHERE samples.trial = trials.trial), "
        "prompt_tokens, delivered_tokens, computed_tokens, seconds, trials.trial "
        "FROM experiment_trials AS arms JOIN trials ON trials.trial = arms.trial "
        "WHERE experiment = ? ORDER BY position");
    query.integer(experiment);
    while (query.step()) {
      rows.push_back(trial_at(query));
      auto metrics =
          connection.query("SELECT metric, value, low, high, n FROM trial_metrics WHERE trial = ?");
      metrics.integer(query.integer_at(16));
      while (metrics.step()) {
        rows.back().metrics[metrics.text_at(0)] = {
            metrics.text_at(0), metrics.optional_real_at(1), metrics.optional_real_at(2),
            metrics.optional_real_at(3), metrics.count_at(4)};
      }
    }
  });
  return rows;
}

TrialTotals Reader::trial_totals(const std::string& trial) {
  auto query = implementation_->connection.query(
      "SELECT prompt_tokens, delivered_tokens, computed_tokens, seconds FROM trials WHERE id = ?");
  TrialTotals totals;
  if (!query.text(trial).step()) return totals;
  totals.prompt_tokens = query.count_at(0);
  totals.delivered_tokens = query.count_at(1);
  totals.computed_tokens = query.count_at(2);
  totals.seconds = query.optional_real_at(3).value_or(0);
  return totals;
}

std::vector<TrainingPoint> Reader::training_curve(const std::string& model) {
  auto& connection = implementation_->connection;
  std::vector<TrainingPoint> points;
  connection.guarded([&] {
    auto query = connection.query(
        "SELECT step, split, tokens, training_points.seconds, loss, learning_rate, gradient_norm "
        "FROM training_points JOIN training_runs USING (run) WHERE model = ? ORDER BY step, split");
    query.text(model);
    while (query.step()) {
      points.push_back({query.count_at(0), query.text_at(1), query.count_at(2), query.real_at(3),
                        query.real_at(4), query.optional_real_at(5), query.optional_real_at(6)});
    }
  });
  return points;
}

std::vector<FailureRow> Reader::failures(std::int64_t experiment) {
  auto& connection = implementation_->connection;
  std::vector<FailureRow> rows;
  connection.guarded([&] {
    auto query = connection.query(
        "SELECT at, trials.id, failures.model, stage, message, signal, example_id, standard_error "
        "FROM failures LEFT JOIN trials ON trials.trial = failures.trial WHERE "
        "failures.trial IN (SELECT trial FROM experiment_trials WHERE experiment = ?1) OR "
        "failures.model IN (SELECT model FROM experiment_models WHERE experiment = ?1) OR "
        "(failures.trial IS NULL AND failures.model IS NULL AND failures.experiment = ?1) "
        "ORDER BY failure");
    query.integer(experiment);
    while (query.step()) rows.push_back(failure_at(query));
  });
  return rows;
}

}  // namespace trellis::storage
