/// Reading: what `compare`, `report`, `score` and the dashboard show. All read-only; a run may go
/// on in another process meanwhile.
#pragma once

#include "storage/store.hpp"

namespace trellis::storage {

struct ExperimentRow {
  std::int64_t id = 0;
  std::string name;
  std::string created;  ///< ISO 8601, UTC
  std::uint64_t seed = 0;
  std::string config_text;
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

  struct Implementation;

 private:
  explicit Reader(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace trellis::storage
