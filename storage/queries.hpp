/// Reading: what `compare`, `report`, `score` and the dashboard show. All read-only; a run may go
/// on in another process meanwhile.
#pragma once

#include <functional>

#include "storage/annotations.hpp"
#include "storage/store.hpp"

namespace trellis::storage {

struct ExperimentRow {
  std::int64_t id = 0;
  std::string name;
  std::string created;  ///< ISO 8601, UTC
  std::uint64_t seed = 0;
  std::string config_path;  ///< absolute since schema 6
  std::string config_text;
  std::vector<std::string> overrides;  ///< of the config, KEY=VALUE
  nlohmann::json environment;
  std::uint64_t trials = 0;
  std::uint64_t trials_done = 0;
  std::uint64_t trials_failed = 0;
};

struct ModelRow {
  ModelRecord record;
  std::optional<ModelResult> result;  ///< nothing before it is ready
  double training_seconds = 0;
};

struct TrialRow {
  TrialRecord record;
  std::string model_label;
  std::string task_label;
  TrialStatus status = TrialStatus::pending;
  std::uint64_t stored_samples = 0;
  TrialTotals totals;
  std::map<std::string, TrialMetric> metrics;
};

/// One sample's metrics, enough for intervals and paired tests.
struct SampleMetricRow {
  std::uint64_t example_index = 0;
  std::uint32_t sample_index = 0;
  MetricValue metric;
};

/// An example as a trial met it.
struct ExampleRow {
  std::uint64_t example_index = 0;
  std::string example_id;
  std::string source;
  std::string prefix;
  std::vector<std::string> references;
};

/// A sample as a list of many shows it: without its example, tokens and metrics.
struct SampleRow {
  std::int64_t key = 0;  ///< greater than that of any sample that was stored before
  std::uint64_t example_index = 0;
  std::uint32_t sample_index = 0;
  std::string output;
  std::string finish;
  std::uint64_t token_count = 0;
};

/// One metric of one sample of a trial.
struct SampleValueRow {
  std::uint64_t row = 0;  ///< place among the trial's samples, by example and sample index
  std::string metric;     ///< empty: the sample has none
  double value = 0;       ///< not-a-number where undefined
};

/// What a question in SQL is answered with.
struct QueryTable {
  std::vector<std::string> columns;
  std::vector<bool> numeric;  ///< a column: every value is a number or null
  std::vector<std::vector<std::optional<std::string>>> rows;  ///< nothing where null
  bool cut = false;                                           ///< there were more rows
};

/// How tokens were spread over the experts of one layer; a token counts for each that it went to.
struct ExpertCounts {
  std::uint64_t layer = 0;
  std::vector<std::uint64_t> tokens;  ///< [experts]
  std::vector<std::uint64_t>
      dropped;  ///< [experts]; of these, those without room; only in training
};

struct FailureRow {
  FailureRecord record;
  std::string at;  ///< ISO 8601, UTC
};

class Reader {
 public:
  /// Throws Error(missing) when there is no such file; never creates one.
  static Reader open(const std::filesystem::path& path);
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;
  ~Reader();

  std::vector<ExperimentRow> experiments();
  /// By name; empty name: the one that ran last. Throws Error(usage) with the nearest name.
  ExperimentRow experiment(std::string_view name);
  /// In the order of the config.
  std::vector<ModelRow> models(std::int64_t experiment);
  std::vector<TaskRecord> tasks(std::int64_t experiment);
  std::vector<TrialRow> trials(std::int64_t experiment);
  /// Zero before the trial was first brought to an end.
  TrialTotals trial_totals(const std::string& trial);
  std::vector<TrainingPoint> training_curve(const std::string& model);
  std::vector<SampleMetricRow> sample_metrics(const std::string& trial, std::string_view metric);
  /// Samples `first` .. `first + count - 1` by example and sample index; tokens only on request.
  std::vector<SampleRecord> samples(const std::string& trial, std::uint64_t first,
                                    std::uint64_t count, bool with_tokens);
  /// The samples of one example, by sample index.
  std::vector<SampleRecord> example_samples(const std::string& trial, std::uint64_t example,
                                            bool with_tokens);
  std::vector<FailureRow> failures(std::int64_t experiment);

  // Of mixtures of experts, by layer; nothing of other models (expert_queries.cpp).

  /// All samples of a trial together.
  std::vector<ExpertCounts> expert_counts(const std::string& trial);
  /// The whole training of a model, and its last validation.
  std::vector<ExpertCounts> training_expert_counts(const std::string& model);
  std::vector<ExpertCounts> validation_expert_counts(const std::string& model);

  // What people added (annotations.cpp).

  /// Of the experiment's trials, by rater, criterion, trial, example and sample index.
  std::vector<Rating> ratings(std::int64_t experiment);
  /// The same for choices, both of whose trials are the experiment's.
  std::vector<Preference> preferences(std::int64_t experiment);
  /// Of all experiments and trials; a trial's tag has no experiment.
  std::vector<Tag> tags();

  // What the dashboard asks (dashboard_queries.cpp).

  /// Another number whenever somebody else has committed.
  std::int64_t data_version();
  /// Samples of a trial by example and sample index: all, or those of a key above `after`.
  std::vector<SampleRow> sample_rows(const std::string& trial, std::int64_t after = 0);
  /// Every metric of these samples, in the order of sample_rows.
  std::vector<SampleValueRow> sample_values(const std::string& trial, std::int64_t after = 0);
  /// The examples of these samples by index.
  std::vector<ExampleRow> example_rows(const std::string& trial, std::int64_t after = 0);
  /// Answers one SELECT with at most `limit` rows. Throws Error(usage) for what is no SQL, is more
  /// than one statement, or would do anything but read the database, and Error(cancelled) once
  /// `cancelled` says so, which is asked many times a second.
  QueryTable ask(const std::string& sql, std::size_t limit,
                 const std::function<bool()>& cancelled = {});

  struct Implementation;

 private:
  explicit Reader(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace trellis::storage
