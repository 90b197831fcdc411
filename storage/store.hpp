/// The database of experiments: the only place that writes SQL for trials.
///
/// One writer at a time: the `trellis run` process. Readers may open the same file while it runs
/// (WAL). All functions throw Error: `busy` when another run holds the database, `environment` for
/// a full or read-only disk, `bad_data` for a damaged file or a newer schema.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trellis::storage {

struct ExperimentRecord {
  std::string name;
  std::string config_path;
  std::string config_text;
  std::uint64_t seed = 0;
  nlohmann::json environment;  ///< cpu, memory, compiler, libraries, commit, trellis version
  std::vector<std::string> overrides = {};  ///< of the config: KEY=VALUE, as `--set` takes them
};

struct ModelRecord {
  std::string id;     ///< hash of all that can change its weights
  std::string label;  ///< as the config names it
  std::string plugin;
  std::string plugin_version;
  nlohmann::json settings;
  std::string task_label;  ///< the data it was trained on; empty for given weights
  std::uint64_t seed = 0;
};

/// What is known once the model is trained or loaded.
struct ModelResult {
  std::uint64_t parameters = 0;
  std::string weights_hash;
  nlohmann::json description;  ///< as the model describes itself, tokenizer included
};

struct TrainingPoint {
  std::uint64_t step = 0;
  std::string split;  ///< "train" or "valid"
  std::uint64_t tokens = 0;
  double seconds = 0;
  double loss = 0;  ///< nats a token
  std::optional<double> learning_rate;
  std::optional<double> gradient_norm;
  /// Of mixtures of experts: [{"layer": n, "tokens": [n, one an expert], "dropped": [...]}, ...],
  /// of a validation or since the last point of training (trellis/abi/model.h); null of others.
  nlohmann::json expert_use = {};
};

struct TaskRecord {
  std::string id;  ///< hash of plugin, version, settings and data
  std::string label;
  std::string plugin;
  std::string plugin_version;
  nlohmann::json settings;
  nlohmann::json metrics;  ///< [{"name", "summary", "higher_is_better"}], the main one first
  std::string data_hash;
  std::uint64_t test_examples = 0;
  /// {"words": n, "comparable": examples with n words in a row, "examples": [[id, share of its
  /// words in runs of n that the training data has, too], ...]}; null where it was not looked for.
  nlohmann::json overlap = {};
};

struct TrialRecord {
  std::string id;  ///< hash of everything that can change its result
  std::string model_id;
  std::string task_id;
  std::string strategy_label;
  std::string strategy_plugin;
  nlohmann::json strategy;  ///< plugin, settings, processors with settings and versions
  std::uint64_t seed = 0;
  std::uint64_t expected_samples = 0;
};

struct Token {
  std::int32_t id = 0;
  std::string text;
  double log_probability = 0;
  double entropy = 0;
  std::uint32_t rank = 1;
  nlohmann::json alternatives;  ///< [[text, log-probability], ...], most probable first
};

struct MetricValue {
  std::optional<double> value;
  std::vector<double> statistics;
};

struct SampleRecord {
  std::uint64_t example_index = 0;
  std::string example_id;
  std::uint32_t sample_index = 0;
  std::string source;
  std::string prefix;
  std::string output;
  std::vector<std::string> references;
  nlohmann::json fields;  ///< of the example
  std::string finish;
  double score = 0;
  double seconds = 0;
  std::vector<Token> tokens;
  std::map<std::string, MetricValue> metrics;
  nlohmann::json details;  ///< of the scoring; null when there are none
  /// Of mixtures of experts: [{"layer": n, "tokens": [n, one an expert]}, ...], counted over the
  /// tokens that the model read, of prompt and output; null of others.
  nlohmann::json expert_use = {};
};

struct TrialMetric {
  std::string name;
  std::optional<double> value;
  std::optional<double> low, high;  ///< 95 % confidence interval
  std::uint64_t n = 0;              ///< samples it is made of
};

struct FailureRecord {
  std::optional<std::string> trial_id;
  std::optional<std::string> model_id;
  std::string stage;  ///< "load", "train", "generate", "score"
  std::string message;
  std::optional<int> signal;
  std::optional<std::string> example_id;
  std::string standard_error;  ///< the last lines of the worker's stderr
};

enum class TrialStatus { pending, running, done, failed };
std::string_view to_string(TrialStatus status);
/// The status of that name, which must be one that to_string gives (the schema sees to it).
TrialStatus trial_status(std::string_view name);

struct TrialTotals {
  std::uint64_t prompt_tokens = 0;
  std::uint64_t delivered_tokens = 0;
  std::uint64_t computed_tokens = 0;
  double seconds = 0;  ///< wall clock of generating; what trials share is divided among them
};

/// What trials that were generated together cost as a whole.
struct SweepTotals {
  std::uint64_t trials = 0;
  std::uint64_t samples = 0;
  std::uint64_t prompt_tokens = 0;        ///< read by the model, encoder tokens included
  std::uint64_t prompt_tokens_saved = 0;  ///< that samples would have read for themselves
  std::uint64_t delivered_tokens = 0;
  std::uint64_t computed_tokens = 0;        ///< after the prompts
  std::uint64_t computed_tokens_saved = 0;  ///< that samples would have computed for themselves
  std::uint64_t peak_states = 0;            ///< most states of the model alive at one time
  double seconds = 0;
  /// Most memory of the states; nothing where the model gives no figures.
  std::optional<std::uint64_t> peak_state_bytes = {};
};

/// The time that rows are stamped with: ISO 8601, UTC.
using Clock = std::function<std::string()>;
std::string now_utc();

/// Writing. Every public call is one transaction unless it says otherwise.
class Store {
 public:
  /// Opens or creates the file, brings an older schema up to date, and takes the writer's lock.
  static Store open(const std::filesystem::path& path, Clock clock = now_utc);
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  /// Records that this experiment is (again) being run with these parts, in this order; parts that
  /// are known already are kept. Returns the experiment's row. The same name is the same
  /// experiment: its set of trials is replaced by `trials`.
  std::int64_t put_experiment(const ExperimentRecord& experiment,
                              const std::vector<ModelRecord>& models,
                              const std::vector<TaskRecord>& tasks,
                              const std::vector<TrialRecord>& trials);

  /// (example index, sample index) already stored for a trial, ascending.
  std::vector<std::pair<std::uint64_t, std::uint32_t>> stored_samples(const std::string& trial);
  TrialStatus status(const std::string& trial);
  void set_status(const std::string& trial, TrialStatus status);

  bool model_is_ready(const std::string& model);
  void put_model_result(const std::string& model, const ModelResult& result);
  /// Starts a training run; a later run of the same model replaces the curve after `from_step`.
  std::int64_t begin_training(const std::string& model);
  void put_training_points(std::int64_t run, const std::vector<TrainingPoint>& points);
  void end_training(std::int64_t run, std::string_view status, double seconds);

  /// A batch of samples in one transaction; a sample stored before is replaced.
  void put_samples(const std::string& trial, const std::vector<SampleRecord>& samples);
  /// Replaces the metrics and details of stored samples (`trellis score`).
  void put_sample_metrics(const std::string& trial, const std::vector<SampleRecord>& samples);
  /// Adds metrics to stored samples, or replaces those of the same name; texts, details and other
  /// metrics stay.
  void add_sample_metrics(const std::string& trial, const std::vector<SampleRecord>& samples);
  void put_trial_metrics(const std::string& trial, const std::vector<TrialMetric>& metrics);
  void put_trial_totals(const std::string& trial, const TrialTotals& totals);
  void put_sweep(const std::string& model, const std::string& task, const SweepTotals& totals);
  void put_failure(const FailureRecord& failure);
  /// Removes the failures of a trial or model that is being tried again.
  void clear_failures(const std::string& trial_or_model);

  struct Implementation;

 private:
  explicit Store(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace trellis::storage
