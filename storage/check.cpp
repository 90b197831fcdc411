#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "core/error.hpp"
#include "core/metrics/metric.hpp"
#include "storage/connection.hpp"
#include "storage/maintenance.hpp"

namespace trellis::storage {
namespace {

/// Each selects lines; no rows when all is well.
constexpr std::array<std::string_view, 11> consistency_queries{
    "SELECT 'trial ' || id || ' is done but has ' || count(sample) || ' of ' || expected_samples "
    "|| ' samples' FROM trials LEFT JOIN samples USING (trial) WHERE status = 'done' "
    "GROUP BY trials.trial HAVING count(sample) < expected_samples",
    "SELECT 'trial ' || id || ' has ' || count(sample) || ' samples, more than the ' || "
    "expected_samples || ' expected' FROM trials JOIN samples USING (trial) "
    "GROUP BY trials.trial HAVING count(sample) > expected_samples",
    "SELECT 'trial ' || id || ' is done but has no metrics' FROM trials WHERE status = 'done' "
    "AND expected_samples > 0 AND trial NOT IN (SELECT trial FROM trial_metrics)",
    "SELECT 'trial ' || id || ' has failed but says of no failure' FROM trials WHERE "
    "status = 'failed' AND trial NOT IN (SELECT trial FROM failures WHERE trial IS NOT NULL) "
    "AND model NOT IN (SELECT model FROM failures WHERE model IS NOT NULL)",
    "SELECT 'trial ' || id || ' has samples, but its model ' || trials.model || "
    "' was never ready' FROM trials JOIN models USING (model) WHERE ready IS NULL AND trial IN "
    "(SELECT trial FROM samples)",
    "SELECT 'sample ' || samples.sample || ' of trial ' || id || ' has ' || count(position) || "
    "' of ' || token_count || ' tokens' FROM samples JOIN trials USING (trial) "
    "LEFT JOIN tokens ON tokens.sample = samples.sample GROUP BY samples.sample "
    "HAVING count(position) <> token_count OR coalesce(max(position) + 1, 0) <> token_count",
    "SELECT 'trial ' || id || ', metric ' || metric || ': made of ' || n || "
    "' samples, but only ' || (SELECT count(*) FROM samples WHERE samples.trial = trials.trial) "
    "|| ' are stored' FROM trial_metrics JOIN trials USING (trial) "
    // Of a share in the training data n counts its texts.
    "WHERE metric NOT LIKE 'share.%.training' AND "
    "n > (SELECT count(*) FROM samples WHERE samples.trial = trials.trial)",
    "SELECT 'experiment ' || name || ' has no trials' FROM experiments WHERE experiment NOT IN "
    "(SELECT experiment FROM experiment_trials)",
    "SELECT 'training run ' || run || ' of model ' || model || ' has points but no end, though "
    "the model is ready' FROM training_runs JOIN models USING (model) WHERE ended IS NULL AND "
    "ready IS NOT NULL AND run = (SELECT max(run) FROM training_runs AS last WHERE last.model = "
    "models.model)",
    "SELECT 'trial ' || id || ': ' || count(*) || ' ratings are of samples that are not stored' "
    "FROM ratings JOIN trials USING (trial) WHERE NOT EXISTS (SELECT 1 FROM samples WHERE "
    "samples.trial = ratings.trial AND samples.example_index = ratings.example_index AND "
    "samples.sample_index = ratings.sample_index) GROUP BY trials.trial",
    "SELECT 'trial ' || id || ': ' || count(*) || ' preferences are of samples that are not "
    "stored' FROM preferences JOIN trials ON trials.trial IN (first_trial, second_trial) WHERE "
    "NOT EXISTS (SELECT 1 FROM samples WHERE samples.trial = trials.trial AND "
    "samples.example_index = preferences.example_index AND "
    "samples.sample_index = preferences.sample_index) GROUP BY trials.trial",
};

struct JsonColumn {
  const char* table;
  const char* column;
};
constexpr std::array<JsonColumn, 15> json_columns{{{"environments", "details"},
                                                   {"experiments", "overrides"},
                                                   {"models", "settings"},
                                                   {"models", "description"},
                                                   {"tasks", "settings"},
                                                   {"tasks", "metrics"},
                                                   {"tasks", "overlap"},
                                                   {"trials", "strategy"},
                                                   {"examples", "reference_list"},
                                                   {"examples", "fields"},
                                                   {"samples", "details"},
                                                   {"samples", "expert_use"},
                                                   {"training_points", "expert_use"},
                                                   {"tokens", "alternatives"},
                                                   {"sample_metrics", "statistics"}}};

void add_lines(Connection& connection, const std::string& sql, std::vector<std::string>& lines) {
  SQLite::Statement query(connection.database(), sql);
  while (query.executeStep()) lines.push_back(query.getColumn(0).getString());
}

void check_structure(Connection& connection, std::vector<std::string>& lines) {
  std::vector<std::string> found;
  add_lines(connection, "PRAGMA integrity_check", found);
  for (auto& line : found) {
    if (line != "ok") lines.push_back("structure: " + line);
  }
  SQLite::Statement keys(connection.database(),
                         "SELECT \"table\", \"parent\", count(*) FROM pragma_foreign_key_check "
                         "GROUP BY 1, 2");
  while (keys.executeStep()) {
    lines.push_back("foreign keys: " + std::to_string(keys.getColumn(2).getInt64()) + " rows of " +
                    keys.getColumn(0).getString() + " name rows of " +
                    keys.getColumn(1).getString() + " that are not there");
  }
  for (const auto& [table, column] : json_columns) {
    const std::string where = std::string(table) + "." + column;
    add_lines(connection,
              "SELECT '" + where + ": ' || count(*) || ' values are not JSON' FROM " + table +
                  " WHERE " + column + " IS NOT NULL AND NOT json_valid(" + column +
                  ") HAVING count(*) > 0",
              lines);
  }
}

bool nearly_equal(double a, double b) {
  // The order of summation may differ between the one who stored it and us.
  return std::abs(a - b) <= 1e-9 * std::max({1.0, std::abs(a), std::abs(b)});
}

std::string number(const std::optional<double>& value) {
  if (!value) return "nothing";
  char text[32];
  std::snprintf(text, sizeof text, "%.10g", *value);
  return text;
}

void check_metrics(Reader& reader, std::vector<std::string>& lines) {
  for (const auto& experiment : reader.experiments()) {
    for (const auto& trial : reader.trials(experiment.id)) {
      if (trial.status != TrialStatus::done) continue;
      for (const auto& [name, stored] : trial.metrics) {
        std::vector<metrics::SampleValue> samples;
        for (auto& row : reader.sample_metrics(trial.record.id, name)) {
          samples.push_back({row.metric.value, std::move(row.metric.statistics)});
        }
        if (samples.empty()) continue;  // A trial's own metric, such as its speed.
        const auto value = metrics::corpus_value(name, samples);
        const bool same = value.has_value() == stored.value.has_value() &&
                          (!value || nearly_equal(*value, *stored.value));
        if (!same) {
          lines.push_back("trial " + trial.record.id + ", metric " + name + ": stored is " +
                          number(stored.value) + ", but its samples give " + number(value));
        }
      }
    }
  }
  std::sort(lines.begin(), lines.end());
  lines.erase(std::unique(lines.begin(), lines.end()), lines.end());  // Shared trials.
}

}  // namespace

std::vector<std::string> check(const std::filesystem::path& path) {
  auto reader = Reader::open(path);
  Connection connection(path, Access::read);
  std::vector<std::string> lines;
  connection.guarded([&] {
    check_structure(connection, lines);
    for (const auto sql : consistency_queries) add_lines(connection, std::string(sql), lines);
  });
  std::vector<std::string> of_metrics;
  check_metrics(reader, of_metrics);
  lines.insert(lines.end(), of_metrics.begin(), of_metrics.end());
  return lines;
}

}  // namespace trellis::storage
