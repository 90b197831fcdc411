#include "experiments/verify.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <map>
#include <optional>
#include <tuple>

#include "core/kernels/targets.hpp"
#include "experiments/survey.hpp"
#include "experiments/worker.hpp"

namespace trellis::experiments {
namespace {

/// Trial (index into the job's), example, sample.
using SampleKey = std::tuple<std::size_t, std::uint64_t, std::uint32_t>;
using Samples = std::map<SampleKey, storage::SampleRecord>;

struct Outcome {
  Samples samples;
  std::string failure;         // the first thing that went wrong
  std::string sample_failure;  // with one sample; the others may be as they should be
};

// Thrown through run_worker, which kills the worker then.
struct Enough {};

// Sets a variable of the environment that workers inherit, and takes it back.
class WorkerVariable {
 public:
  WorkerVariable(const char* name, const std::string& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    if (!value.empty()) setenv(name, value.c_str(), 1);
  }
  ~WorkerVariable() { before_ ? setenv(name_, before_->c_str(), 1) : unsetenv(name_); }
  WorkerVariable(const WorkerVariable&) = delete;
  WorkerVariable& operator=(const WorkerVariable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

class ModelVerifier {
 public:
  ModelVerifier(const Plan& plan, const Config& config, std::size_t model,
                const WorkerOptions& options, const StopRequests& stop_requests)
      : plan_(plan), options_(options), stop_requests_(stop_requests) {
    const auto& planned = plan.models[model];
    job_.kind = "model";
    job_.plugin_folders = options.plugin_folders;
    auto& work = job_.model;
    work.model = {planned.record.plugin, planned.record.settings};
    work.folder = planned.folder.string();
    work.train = !planned.given && !std::filesystem::exists(planned.folder);
    may_train_ = !planned.given;
    work.training_task = planned.training_task;
    work.seed = planned.record.seed;
    for (std::size_t task = 0; task < plan.tasks.size(); ++task) {
      work.tasks.push_back(plan.task_for(planned, task));
    }
    work.limit = static_cast<std::uint64_t>(config.options.limit);
    work.max_new_tokens = static_cast<std::uint64_t>(config.options.max_new_tokens);
    work.top_alternatives = static_cast<std::uint64_t>(config.options.top_alternatives);
    work.state_memory = options.state_memory;
    for (const auto index : planned.trials) {
      const auto& trial = plan.trials[index];
      if (!plan.task_failures[trial.task].empty()) continue;
      TrialJob job;
      job.id = trial.record.id;
      job.task = trial.task;
      job.strategy = trial.strategy;
      job.processors = trial.processors;
      job.draft = trial.draft;
      job.seed = trial.record.seed;
      job.stream = trial.stream;
      job.samples = trial.samples;
      work.trials.push_back(std::move(job));
      strategy_labels_.push_back(trial.record.strategy_label);
    }
  }

  /// Trains the model and does no more. Returns what went wrong.
  std::string train() const {
    Job job = job_;
    job.model.train = true;
    job.model.trials.clear();
    return run_worker(job, options_, stop_requests_, [](const auto&) {});
  }

  /// The first outcome; trains the model where that is needed.
  Outcome first(const Variation& variation) {
    auto outcome = run(variation);
    if (!outcome.failure.empty() && outcome.samples.empty() && may_train_ && !job_.model.train) {
      job_.model.train = true;  // the folder holds no finished model
      outcome = run(variation);
    }
    job_.model.train = false;
    return outcome;
  }

  Outcome run(const Variation& variation) {
    const WorkerVariable target(kVectorTargetVariable, variation.target);
    Job job = job_;
    job.threads = variation.threads;
    job.model.batch_size = variation.batch_size;
    job.model.share = variation.share;
    job.model.shuffle = variation.shuffle;
    Outcome outcome;
    if (variation.alone) {
      for (const auto& trial : job_.model.trials) {
        job.model.trials = {trial};
        work(job, 0, outcome);
      }
    } else if (variation.interrupted) {
      work(job, expected_ / 2 + 1, outcome);
      for (std::size_t i = 0; i < job.model.trials.size(); ++i) {
        for (const auto& [key, sample] : outcome.samples) {
          const auto& [trial, example, number] = key;
          if (trial == i) job.model.trials[i].done.emplace_back(example, number);
        }
      }
      work(job, 0, outcome);
    } else {
      work(job, 0, outcome);
    }
    expected_ = std::max(expected_, outcome.samples.size());
    return outcome;
  }

  /// The first difference in a line, or nothing. A sample that fails must fail in both.
  std::string difference(const Outcome& expected, const Outcome& actual) const {
    if (!actual.failure.empty()) return actual.failure;
    for (const auto& [key, sample] : expected.samples) {
      const auto found = actual.samples.find(key);
      const auto what = found != actual.samples.end()   ? difference(sample, found->second)
                        : actual.sample_failure.empty() ? "it was not made"
                                                        : actual.sample_failure;
      if (!what.empty()) return place_of(key, sample) + what;
    }
    for (const auto& [key, sample] : actual.samples) {
      if (!expected.samples.contains(key)) {
        return place_of(key, sample) + "it was made, though it failed before";
      }
    }
    return {};
  }

 private:
  static std::string difference(const storage::SampleRecord& expected,
                                const storage::SampleRecord& actual) {
    const std::size_t count = std::min(expected.tokens.size(), actual.tokens.size());
    for (std::size_t i = 0; i < count; ++i) {
      const auto& a = expected.tokens[i];
      const auto& b = actual.tokens[i];
      if (a.id != b.id) {
        return fmt::format("position {}: token {} \"{}\" instead of {} \"{}\"", i, b.id, b.text,
                           a.id, a.text);
      }
      if (std::bit_cast<std::uint64_t>(a.log_probability) !=
          std::bit_cast<std::uint64_t>(b.log_probability)) {
        return fmt::format("position {}: token {} \"{}\" has log-probability {} instead of {}", i,
                           a.id, a.text, b.log_probability, a.log_probability);
      }
    }
    if (expected.tokens.size() != actual.tokens.size()) {
      return fmt::format("{} tokens instead of {}", actual.tokens.size(), expected.tokens.size());
    }
    if (expected.output != actual.output || expected.finish != actual.finish) {
      return "the same tokens make another text";
    }
    return {};
  }

  std::string place_of(const SampleKey& key, const storage::SampleRecord& sample) const {
    const auto& trial = job_.model.trials[std::get<0>(key)];
    return fmt::format("{} · {}: example {}, sample {}: ", plan_.tasks[trial.task].label,
                       strategy_labels_[std::get<0>(key)], sample.example_id, sample.sample_index);
  }

  // Adds what a worker makes; `enough` samples end it, 0: all that there are.
  void work(const Job& job, std::size_t enough, Outcome& outcome) const {
    const auto fail = [&](const std::string& message) {
      if (outcome.failure.empty()) outcome.failure = message;
    };
    try {
      const auto failure = run_worker(job, options_, stop_requests_, [&](const auto& event) {
        const auto& kind = event.at("event").template get_ref<const std::string&>();
        if (kind == "trial_failed") fail(event.at("message").template get<std::string>());
        if (kind == "sample_failed" && outcome.sample_failure.empty()) {
          outcome.sample_failure = event.at("message").template get<std::string>();
        }
        if (kind != "sample") return;
        auto sample = sample_from_json(event.at("sample"));
        const auto trial = place_of(event.at("trial").template get<std::string>());
        const SampleKey key{trial, sample.example_index, sample.sample_index};
        outcome.samples.insert_or_assign(key, std::move(sample));
        if (enough > 0 && outcome.samples.size() >= enough) throw Enough();
      });
      if (!failure.empty()) fail(failure);
      if (outcome.samples.empty() && !outcome.sample_failure.empty()) fail(outcome.sample_failure);
    } catch (const Enough&) {
      // As it was meant.
    }
  }

  std::size_t place_of(const std::string& trial) const {
    const auto& trials = job_.model.trials;
    const auto found = std::find_if(trials.begin(), trials.end(),
                                    [&](const TrialJob& job) { return job.id == trial; });
    if (found == trials.end()) {
      throw Error(Fault::plugin, "the worker spoke of a trial that it was not given");
    }
    return static_cast<std::size_t>(found - trials.begin());
  }

  const Plan& plan_;
  const WorkerOptions& options_;
  const StopRequests& stop_requests_;
  Job job_;
  std::vector<std::string> strategy_labels_;  // of the job's trials
  bool may_train_ = false;
  std::size_t expected_ = 0;
};

}  // namespace

std::vector<Variation> variations(const std::vector<std::string>& targets) {
  std::vector<Variation> all = {{.name = "batch 1", .batch_size = 1}};
  for (const std::uint64_t size : {2U, 7U, 32U, 256U}) {
    all.push_back({.name = fmt::format("batch {}", size), .batch_size = size});
  }
  for (const int threads : {2, 4}) {
    all.push_back({.name = fmt::format("{} threads", threads), .threads = threads});
  }
  all.push_back({.name = "shuffled order", .shuffle = 1});
  all.push_back({.name = "each strategy alone", .alone = true});
  all.push_back({.name = "nothing shared", .share = false});
  all.push_back({.name = "interrupted and resumed", .interrupted = true});
  for (const auto& target : targets) {
    all.push_back({.name = "vectors of " + target, .target = target});
  }
  return all;
}

std::vector<std::string> other_fused_targets() {
  std::vector<std::string> others;
  const auto best = kernels::vector_target();
  for (const auto target : kernels::vector_targets()) {
    kernels::use_vector_target(target);
    if (target != best && kernels::fused_multiply_add()) others.emplace_back(target);
  }
  kernels::use_vector_target(best);
  return others;
}

namespace {

// Trains a model and what it begins at where their weights are not there.
void train_missing(const Plan& plan, const Config& config, std::size_t model,
                   const WorkerOptions& options, const StopRequests& stop_requests,
                   const Say& say) {
  const auto& planned = plan.models[model];
  if (planned.given || std::filesystem::exists(planned.folder)) return;
  if (planned.base) train_missing(plan, config, *planned.base, options, stop_requests, say);
  if (say) say(fmt::format("{}: training", planned.record.label));
  // What goes wrong is told by those that cannot do without it.
  ModelVerifier(plan, config, model, options, stop_requests).train();
}

}  // namespace

std::vector<VerifiedVariation> verify_model(const Plan& plan, const Config& config,
                                            std::size_t model, const WorkerOptions& options,
                                            const std::vector<Variation>& variations,
                                            const StopRequests& stop_requests, const Say& say) {
  const auto& planned = plan.models[model];
  if (planned.base) train_missing(plan, config, *planned.base, options, stop_requests, say);
  for (const auto trial : planned.trials) {
    const auto& draft = plan.trials[trial].draft_model;
    if (draft) train_missing(plan, config, *draft, options, stop_requests, say);
  }
  ModelVerifier verifier(plan, config, model, options, stop_requests);
  std::vector<VerifiedVariation> rows;
  Outcome reference;
  for (const auto& variation : variations) {
    if (say) say(fmt::format("{}: {}", planned.record.label, variation.name));
    const bool is_reference = rows.empty();
    auto outcome = is_reference ? verifier.first(variation) : verifier.run(variation);
    rows.push_back({variation.name, outcome.samples.size(),
                    is_reference ? outcome.failure : verifier.difference(reference, outcome)});
    if (!is_reference) continue;
    reference = std::move(outcome);
    if (!reference.failure.empty()) break;
  }
  return rows;
}

}  // namespace trellis::experiments
