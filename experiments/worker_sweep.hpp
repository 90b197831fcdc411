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
  void make_arms();
  void make_requests();
  void compute_likelihoods();
  decode::GenerateTotals generate();
  std::uint64_t example_of(std::size_t request) const;
  TrialJob& trial_of(std::size_t request) const;
  void score(std::size_t arm);
  storage::SampleRecord record_of(const decode::Generation& generation,
                                  const plugin::Example& example, const plugin::Output& output);
  nlohmann::json expert_use(const plugin::Example& example, const decode::Generation& generation);
  const std::string& token_text(std::int32_t token);
  void mark(std::optional<std::size_t> arm) const;
  void send_totals(const decode::GenerateTotals& totals) const;

  const WorkerContext& context_;
  const ModelJob& job_;
  plugin::Model& model_;
  LoadedTask& task_;
  Drafts& drafts_;
  std::vector<TrialJob*>& trials_;
  std::vector<decode::Arm> arms_;  // as the trials
  std::vector<decode::Prompt> prompts_;
  std::vector<decode::SampleRequest> requests_;
  std::vector<std::vector<decode::Generation>> unscored_;  // by arm
  double scoring_seconds_ = 0;
  bool has_experts_ = true;  // until the model shows none
  std::map<std::int32_t, std::string> token_texts_;
};

}  // namespace trellis::experiments
