/// One model of a plan on its way: which of its trials are open, the worker that is at it, and what
/// the worker's events mean for the database.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "experiments/plan.hpp"
#include "experiments/progress.hpp"
#include "experiments/runner.hpp"
#include "experiments/worker_process.hpp"
#include "storage/queries.hpp"
#include "storage/store.hpp"

namespace trellis::experiments {

/// What all models of a run share.
struct RunContext {
  const Plan& plan;
  const Config& config;
  storage::Store& store;
  storage::Reader& reader;
  const WorkerOptions& options;
  Progress& progress;
  RunSummary& summary;
};

/// Whether the weights of a model of the plan are there and finished.
bool is_trained(const RunContext& context, std::size_t model);

class ModelRun {
 public:
  /// `open_trials`: indices into the plan's trials; without any the model is only trained. `place`
  /// numbers its line on the terminal.
  ModelRun(RunContext& context, std::size_t model, const std::vector<std::size_t>& open_trials,
           int place);

  /// Starts a worker for what is open. False when nothing is.
  bool start();
  WorkerProcess& process() { return *process_; }
  bool running() const { return process_ != nullptr; }
  std::size_t place_in_plan() const { return model_; }
  /// Without trials from the beginning.
  bool only_trains() const { return only_trains_; }
  /// Models of the plan without which it cannot go on: its own, the one that this begins at, and
  /// those that are lent to strategies of open trials.
  std::vector<std::size_t> needs() const;
  /// When read() last saw an event or a poll of the worker's.
  double last_sign_of_life() const { return last_sign_of_life_; }

  /// Handles what has arrived. Throws Error(plugin) when it is nothing that a worker says, and
  /// other Errors when the database cannot be written.
  void read(double now);
  /// Handles the end of the worker. `killed_because`: why the host killed it, or empty.
  void conclude(const std::string& killed_because, bool cancelled);
  /// Writes the samples that wait for a full batch.
  void flush();

 private:
  struct OpenTrial {
    std::size_t index;  // into the plan's trials
    std::uint64_t stored = 0;
    bool had_failures = false;
    storage::TrialTotals totals;  // of earlier runs
  };

  const PlannedModel& model() const { return context_.plan.models[model_]; }
  std::string name_of(std::size_t trial) const;
  OpenTrial& open_trial(const std::string& id);
  Job make_job();
  void handle(const nlohmann::json& event);
  void on_stage(const nlohmann::json& event);
  void on_training_point(const nlohmann::json& point);
  void on_model(const nlohmann::json& event);
  void on_sample(const nlohmann::json& event);
  void on_sample_failed(const nlohmann::json& event);
  void on_trial_done(const nlohmann::json& event);
  void on_sweep(const nlohmann::json& event);
  void begin_trials(std::vector<std::string> ids);
  std::string name_of_running();
  std::uint64_t stored_of_running();
  void show_trials(double tokens);
  std::optional<std::string> find_culprit() const;
  void fail_trial(const std::string& id, const std::string& stage, const std::string& message,
                  std::optional<int> signal);
  void fail_rest(std::string message, std::optional<int> signal);
  void close_trial(std::string id, bool good);
  void end_training(const char* status);

  RunContext& context_;
  std::size_t model_;
  int place_;
  bool only_trains_;
  bool begun_to_train_ = false;            // where it does nothing else
  std::map<std::string, OpenTrial> open_;  // by trial id
  std::vector<std::string> order_;         // of the open ones
  std::unique_ptr<WorkerProcess> process_;
  double last_sign_of_life_ = 0;
  std::uint32_t polls_ = 0;
  std::string stage_;
  bool together_ = true;                 // false once a worker fell over nobody knows whom
  std::vector<std::string> running_;     // trials under way
  std::vector<std::string> job_trials_;  // as the worker knows them, by index
  std::string failure_message_;
  bool failure_is_cancellation_ = false;
  bool sent_nonsense_ = false;
  bool ended_ = false;
  std::optional<std::int64_t> training_run_;
  double training_seconds_ = 0;
  std::vector<storage::TrainingPoint> points_;
  std::map<std::string, std::vector<storage::SampleRecord>> samples_;  // by trial
  double begun_ = 0;
};

}  // namespace trellis::experiments
