/// The trials of one model on one task, generated together in one tree of tokens per prompt.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/decode/generate.hpp"
#include "core/decode/likelihood.hpp"
#include "core/plugin/task.hpp"
#include "experiments/conversations.hpp"
#include "experiments/drafts.hpp"
#include "experiments/worker.hpp"

namespace trellis::experiments {

/// A task as the worker needs it, for all of a model's trials on it.
struct LoadedTask {
  plugin::Task task;
  std::vector<plugin::Example> examples;
  std::map<std::uint64_t, decode::Likelihood> likelihoods;  ///< by example
};

/// Makes, scores and sends the samples that the trials lack.
class Sweep {
 public:
  /// All that is passed is borrowed. `trials`: of this task; what they have made is added to their
  /// `done`. `mark(trial)` is told whose plugins run, by index into `trials`, or none of theirs.
  Sweep(const WorkerContext& context, const ModelJob& job, plugin::Model& model, LoadedTask& task,
        Drafts& drafts, std::vector<TrialJob*>& trials);

  /// Trials that come to their end, well or not, are told to the host and leave `trials`. Throws
  /// what the model or the task throws, and Error(cancelled); samples not yet sent are then lost.
  void run();

 private:
  struct Wanted {
    std::uint64_t example = 0;
    std::size_t arm = 0;
    std::uint32_t sample = 0;
  };

  void make_arms();
  void choose_samples();
  void compute_likelihoods();
  void generate();
  void make_round(const Round& round);
  Round next_round(const Round& round);
  std::optional<plugin::Example> ask_next(std::size_t sample);
  void add(Round& round, std::size_t sample, const plugin::Example& question);
  void take(decode::Generation generation, std::size_t sample);
  void fail(std::size_t sample, std::string message);
  void conclude(std::size_t sample);
  const plugin::Example& example_of(std::size_t sample) const;
  TrialJob& trial_of(std::size_t sample) const;
  void score(std::size_t arm);
  storage::SampleRecord record_of(const Conversation& conversation, const plugin::Output& output);
  void add_expert_use(storage::SampleRecord& record, const plugin::Example& example,
                      const decode::Generation& generation);
  const std::string& token_text(std::int32_t token);
  void mark(std::optional<std::size_t> arm) const;
  void send_totals() const;

  const WorkerContext& context_;
  const ModelJob& job_;
  plugin::Model& model_;
  LoadedTask& task_;
  Drafts& drafts_;
  std::vector<TrialJob*>& trials_;
  std::vector<decode::Arm> arms_;  // as the trials
  std::vector<Wanted> samples_;
  std::map<std::size_t, Conversation> under_way_;    // by sample
  std::vector<std::vector<Conversation>> unscored_;  // by arm
  decode::GenerateTotals totals_;
  double last_progress_ = 0;
  double scoring_seconds_ = 0;
  std::map<std::int32_t, std::string> token_texts_;
};

}  // namespace trellis::experiments
