#include <array>
#include <utility>

#include "core/error.hpp"
#include "storage/connection.hpp"
#include "storage/maintenance.hpp"
#include "storage/writer_lock.hpp"

namespace trellis::storage {
namespace {

/// The other database is attached as `other`; these tables join local keys of both sides by the
/// ids that mean the same everywhere.
constexpr std::array<std::string_view, 2> key_maps{
    "CREATE TEMP TABLE trial_keys AS SELECT theirs.trial AS theirs, ours.trial AS ours "
    "FROM other.trials AS theirs JOIN main.trials AS ours USING (id)",
    "CREATE UNIQUE INDEX temp.trial_keys_theirs ON trial_keys (theirs)",
};

struct Step {
  std::uint64_t MergeReport::*counter;  ///< null: not counted
  std::string_view sql;
};

/// What comes before trials: nothing here depends on local keys but environments.
constexpr std::array<Step, 11> first_steps{{
    {nullptr,
     "INSERT INTO main.environments (first_seen, details) SELECT first_seen, details "
     "FROM other.environments WHERE true ON CONFLICT DO NOTHING"},
    {&MergeReport::models,
     "INSERT INTO main.models SELECT * FROM other.models WHERE true ON CONFLICT DO NOTHING"},
    {nullptr,
     "UPDATE main.models SET ready = theirs.ready, parameters = theirs.parameters, "
     "weights_hash = theirs.weights_hash, description = theirs.description "
     "FROM other.models AS theirs WHERE theirs.model = models.model AND models.ready IS NULL "
     "AND theirs.ready IS NOT NULL"},
    {&MergeReport::tasks,
     "INSERT INTO main.tasks SELECT * FROM other.tasks WHERE true ON CONFLICT DO NOTHING"},
    {nullptr,
     "UPDATE main.tasks SET overlap = theirs.overlap FROM other.tasks AS theirs "
     "WHERE theirs.task = tasks.task AND tasks.overlap IS NULL"},
    {nullptr,
     "INSERT INTO main.sweeps SELECT * FROM other.sweeps WHERE true ON CONFLICT DO NOTHING"},
    {&MergeReport::trials,
     "INSERT INTO main.trials (id, model, task, strategy_label, strategy_plugin, strategy, seed, "
     "expected_samples) SELECT id, model, task, strategy_label, strategy_plugin, strategy, seed, "
     "expected_samples FROM other.trials ORDER BY trial ON CONFLICT DO NOTHING"},
    {nullptr,
     "CREATE TEMP TABLE new_experiments AS SELECT experiment AS theirs, name FROM "
     "other.experiments WHERE name NOT IN (SELECT name FROM main.experiments)"},
    {&MergeReport::experiments,
     "INSERT INTO main.experiments (name, created, last_run, run_count, config_path, config_text, "
     "seed, overrides, environment) SELECT name, created, last_run, run_count, config_path, "
     "config_text, seed, overrides, (SELECT ours.environment FROM main.environments AS ours JOIN "
     "other.environments AS "
     "theirs USING (details) WHERE theirs.environment = experiments.environment) "
     "FROM other.experiments WHERE experiment IN (SELECT theirs FROM new_experiments) "
     "ORDER BY experiment"},
    {nullptr,
     "INSERT INTO main.experiment_models SELECT ours.experiment, position, model, label "
     "FROM other.experiment_models AS arms JOIN new_experiments ON theirs = arms.experiment "
     "JOIN main.experiments AS ours USING (name)"},
    {nullptr,
     "INSERT INTO main.experiment_tasks SELECT ours.experiment, position, task, label "
     "FROM other.experiment_tasks AS arms JOIN new_experiments ON theirs = arms.experiment "
     "JOIN main.experiments AS ours USING (name)"},
}};

constexpr std::array<Step, 18> sample_steps{{
    {nullptr,
     "INSERT INTO main.experiment_trials SELECT ours.experiment, position, trial_keys.ours, "
     "model_label, task_label, strategy_label FROM other.experiment_trials AS arms "
     "JOIN new_experiments ON new_experiments.theirs = arms.experiment "
     "JOIN trial_keys ON trial_keys.theirs = arms.trial "
     "JOIN main.experiments AS ours USING (name)"},
    {nullptr,
     "INSERT INTO main.examples (digest, example_id, source, prefix, reference_list, fields) "
     "SELECT digest, example_id, source, prefix, reference_list, fields FROM other.examples "
     "WHERE true ON CONFLICT DO NOTHING"},
    {&MergeReport::samples,
     "INSERT INTO main.samples (trial, example_index, sample_index, example, output, finish, "
     "score, seconds, token_count, details, expert_use) "
     "SELECT trial_keys.ours, example_index, sample_index, our_example.example, output, finish, "
     "score, seconds, token_count, details, expert_use FROM other.samples AS theirs "
     "JOIN trial_keys ON trial_keys.theirs = theirs.trial "
     "JOIN other.examples AS their_example ON their_example.example = theirs.example "
     "JOIN main.examples AS our_example ON our_example.digest = their_example.digest "
     "WHERE NOT EXISTS (SELECT 1 FROM main.samples AS ours WHERE ours.trial = trial_keys.ours AND "
     "ours.example_index = theirs.example_index AND ours.sample_index = theirs.sample_index)"},
    {nullptr,
     "CREATE TEMP TABLE new_samples AS SELECT theirs.sample AS theirs, ours.sample AS ours "
     "FROM other.samples AS theirs JOIN trial_keys ON trial_keys.theirs = theirs.trial "
     "JOIN main.samples AS ours ON ours.trial = trial_keys.ours AND "
     "ours.example_index = theirs.example_index AND ours.sample_index = theirs.sample_index "
     "WHERE ours.sample > (SELECT last FROM last_sample)"},
    {nullptr,
     "INSERT INTO main.tokens SELECT new_samples.ours, position, token, text, log_probability, "
     "entropy, rank, alternatives FROM other.tokens JOIN new_samples ON theirs = tokens.sample"},
    {nullptr,
     "INSERT INTO main.sample_metrics SELECT new_samples.ours, metric, value, statistics "
     "FROM other.sample_metrics JOIN new_samples ON theirs = sample_metrics.sample"},
    // Theirs is done and ours is not: its samples are all here now.
    {nullptr,
     "CREATE TEMP TABLE finished AS SELECT trial_keys.theirs, trial_keys.ours FROM trial_keys "
     "JOIN other.trials AS theirs ON theirs.trial = trial_keys.theirs "
     "JOIN main.trials AS ours ON ours.trial = trial_keys.ours "
     "WHERE theirs.status = 'done' AND ours.status <> 'done'"},
    {nullptr, "DELETE FROM main.trial_metrics WHERE trial IN (SELECT ours FROM finished)"},
    {nullptr,
     "INSERT INTO main.trial_metrics SELECT finished.ours, metric, value, low, high, n "
     "FROM other.trial_metrics JOIN finished ON theirs = trial_metrics.trial"},
    {nullptr, "DELETE FROM main.failures WHERE trial IN (SELECT ours FROM finished)"},
    {nullptr,
     "UPDATE main.trials SET status = 'done', started = theirs.started, "
     "finished = theirs.finished, prompt_tokens = theirs.prompt_tokens, "
     "delivered_tokens = theirs.delivered_tokens, computed_tokens = theirs.computed_tokens, "
     "seconds = theirs.seconds, environment = (SELECT ours.environment FROM main.environments AS "
     "ours JOIN other.environments AS their USING (details) WHERE their.environment = "
     "theirs.environment) FROM other.trials AS theirs "
     "JOIN finished ON finished.theirs = theirs.trial WHERE trials.trial = finished.ours"},
    {nullptr,
     "UPDATE main.trials SET status = 'failed', started = theirs.started, "
     "finished = theirs.finished FROM other.trials AS theirs "
     "JOIN trial_keys ON trial_keys.theirs = theirs.trial "
     "WHERE trials.trial = trial_keys.ours AND trials.status = 'pending' AND "
     "theirs.status = 'failed'"},
    {nullptr, "DROP TABLE finished"},
    {&MergeReport::failures,
     "INSERT INTO main.failures (at, experiment, trial, model, stage, message, signal, example_id, "
     "standard_error) SELECT at, our_experiment.experiment, trial_keys.ours, model, stage, "
     "message, signal, example_id, standard_error FROM other.failures AS theirs "
     "LEFT JOIN trial_keys ON trial_keys.theirs = theirs.trial "
     "LEFT JOIN other.experiments AS their_experiment "
     "ON their_experiment.experiment = theirs.experiment "
     "LEFT JOIN main.experiments AS our_experiment ON our_experiment.name = their_experiment.name "
     "WHERE NOT EXISTS (SELECT 1 FROM main.failures AS ours WHERE ours.at = theirs.at AND "
     "ours.stage = theirs.stage AND ours.message = theirs.message AND "
     "ours.trial IS trial_keys.ours AND ours.model IS theirs.model) AND NOT EXISTS "
     "(SELECT 1 FROM main.trials WHERE trials.trial = trial_keys.ours AND "
     "trials.status = 'done')"},
    // What people said stays as it was here.
    {&MergeReport::annotations,
     "INSERT INTO main.ratings SELECT rater, criterion, trial_keys.ours, example_index, "
     "sample_index, score, at FROM other.ratings JOIN trial_keys ON theirs = ratings.trial "
     "WHERE true ON CONFLICT DO NOTHING"},
    {&MergeReport::annotations,
     "INSERT INTO main.preferences SELECT rater, criterion, first.ours, second.ours, "
     "example_index, sample_index, preferred, at FROM other.preferences "
     "JOIN trial_keys AS first ON first.theirs = first_trial "
     "JOIN trial_keys AS second ON second.theirs = second_trial "
     "WHERE true ON CONFLICT DO NOTHING"},
    {&MergeReport::annotations,
     "INSERT INTO main.experiment_tags SELECT ours.experiment, tag FROM other.experiment_tags AS "
     "theirs JOIN other.experiments AS their ON their.experiment = theirs.experiment "
     "JOIN main.experiments AS ours USING (name) WHERE true ON CONFLICT DO NOTHING"},
    {&MergeReport::annotations,
     "INSERT INTO main.trial_tags SELECT trial_keys.ours, tag FROM other.trial_tags "
     "JOIN trial_keys ON theirs = trial_tags.trial WHERE true ON CONFLICT DO NOTHING"},
}};

/// A model's curve comes over whole or not at all.
constexpr std::array<std::string_view, 3> training_steps{
    "CREATE TEMP TABLE new_runs AS SELECT run AS theirs, "
    "(SELECT coalesce(max(run), 0) FROM main.training_runs) + row_number() OVER (ORDER BY run) "
    "AS ours FROM other.training_runs WHERE model NOT IN (SELECT model FROM main.training_runs)",
    "INSERT INTO main.training_runs SELECT new_runs.ours, model, started, ended, status, seconds "
    "FROM other.training_runs JOIN new_runs ON theirs = run",
    "INSERT INTO main.training_points SELECT new_runs.ours, split, step, tokens, seconds, loss, "
    "learning_rate, gradient_norm, expert_use FROM other.training_points JOIN new_runs ON theirs = "
    "run",
};

/// Each selects lines: what both have but differently.
constexpr std::array<std::string_view, 3> conflict_queries{
    "SELECT 'experiment ' || name || ': the configurations differ' FROM other.experiments AS "
    "theirs JOIN main.experiments AS ours USING (name) "
    "WHERE theirs.config_text <> ours.config_text ORDER BY name",
    "SELECT 'model ' || ours.label || ' (' || model || '): the weights differ' FROM other.models "
    "AS theirs JOIN main.models AS ours USING (model) "
    "WHERE theirs.weights_hash <> ours.weights_hash ORDER BY model",
    "SELECT 'trial ' || trials.id || ', example ' || ours.example_index || ', sample ' || "
    "ours.sample_index || ': the outputs differ' FROM other.samples AS theirs "
    "JOIN trial_keys ON trial_keys.theirs = theirs.trial "
    "JOIN main.samples AS ours ON ours.trial = trial_keys.ours AND "
    "ours.example_index = theirs.example_index AND ours.sample_index = theirs.sample_index "
    "JOIN main.trials AS trials ON trials.trial = ours.trial "
    "WHERE ours.output <> theirs.output ORDER BY trials.id, ours.example_index, ours.sample_index",
};

void merge_attached(Connection& connection, const std::string& from, MergeReport& report) {
  auto& database = connection.database();
  const auto carry_out = [&](const Step& step) {
    const auto changes = static_cast<std::uint64_t>(database.exec(std::string(step.sql)));
    if (step.counter) report.*step.counter += changes;
  };
  for (const auto& step : first_steps) carry_out(step);
  for (const auto sql : key_maps) database.exec(std::string(sql));
  database.exec(
      "CREATE TEMP TABLE last_sample AS SELECT coalesce(max(sample), 0) AS last "
      "FROM main.samples");
  for (const auto sql : conflict_queries) {
    SQLite::Statement query(database, std::string(sql));
    while (query.executeStep()) {
      report.conflicts.push_back(from + ": " + query.getColumn(0).getString() +
                                 "; kept what was there");
    }
  }
  for (const auto& step : sample_steps) carry_out(step);
  for (const auto sql : training_steps) database.exec(std::string(sql));
  for (const auto* table :
       {"trial_keys", "new_experiments", "last_sample", "new_samples", "new_runs"}) {
    database.exec(std::string("DROP TABLE temp.") + table);
  }
}

}  // namespace

MergeReport merge(const std::vector<std::filesystem::path>& from,
                  const std::filesystem::path& into) {
  MergeReport report;
  const WriterLock lock(into);
  Connection connection(into, Access::write);
  for (const auto& path : from) {
    Reader::open(path);  // Complains about a missing or foreign file, and brings it up to date.
    std::error_code ignored;
    if (std::filesystem::equivalent(path, into, ignored)) {
      throw Error(Fault::usage, path.string() + ": cannot be merged into itself");
    }
    const auto name = path.string();
    connection.guarded([&] {
      SQLite::Statement attach(connection.database(), "ATTACH DATABASE ? AS other");
      attach.bind(1, name);
      attach.exec();
    });
    connection.transaction([&] { merge_attached(connection, name, report); });
    connection.guarded([&] { connection.database().exec("DETACH DATABASE other"); });
  }
  return report;
}

}  // namespace trellis::storage
