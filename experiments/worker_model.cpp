#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>

#include "core/decode/generate.hpp"
#include "core/decode/likelihood.hpp"
#include "core/metrics/ratios.hpp"
#include "experiments/task_data.hpp"
#include "experiments/worker.hpp"

namespace trellis::experiments {
namespace {

using nlohmann::json;
using plugin::Kind;

constexpr std::size_t kScoreBatch = 32;
constexpr double kProgressSeconds = 0.2;
constexpr std::size_t kDefaultNewTokens = 128;  // where neither config nor task says

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

storage::MetricValue stored(const metrics::SampleValue& value) {
  return {value.value, value.statistics};
}

class ModelWorker {
 public:
  ModelWorker(const WorkerContext& context, const ModelJob& job)
      : context_(context), job_(job), tasks_(job.tasks.size()) {}

  void run() {
    send_stage(job_.train ? "train" : "load");
    const double begin = seconds_now();
    auto model = job_.train
                     ? train()
                     : plugin::Model::load(context_.registry, job_.model.plugin, job_.folder);
    if (model.facts().vocab_size == 0) {
      throw Error(Fault::plugin, fmt::format("model {}: has no vocabulary", job_.model.plugin));
    }
    context_.send({{"event", "model"},
                   {"description", model.facts().json},
                   {"trained", job_.train},
                   {"seconds", seconds_now() - begin}});
    for (const auto& trial : job_.trials) {
      send_stage("generate", trial.id);
      try {
        run_trial(model, trial);
      } catch (const Error& error) {
        if (error.fault() == Fault::cancelled) throw;
        context_.send({{"event", "trial_failed"},
                       {"trial", trial.id},
                       {"stage", "generate"},
                       {"message", error.what()}});
      }
    }
  }

 private:
  struct LoadedTask {
    std::optional<plugin::Task> task;
    std::vector<plugin::Example> examples;
    std::map<std::size_t, decode::Likelihood> likelihoods;  // by example
  };

  void send_stage(const char* stage, const std::string& trial = "") const {
    json event = {{"event", "stage"}, {"stage", stage}};
    if (!trial.empty()) event["trial"] = trial;
    context_.send(event);
  }

  plugin::Model train() {
    auto model = plugin::Model::create(context_.registry, job_.model.plugin, job_.model.settings);
    const auto& spec = job_.tasks[job_.training_task];
    auto task = plugin::Task::create(context_.registry, spec.plugin, spec.settings);
    const auto train = training_examples(task, TRELLIS_SPLIT_TRAIN);
    const auto valid = training_examples(task, TRELLIS_SPLIT_VALID);
    if (train.empty()) {
      throw Error(Fault::usage,
                  fmt::format("task {}: has no training data; give it `train`, or the model "
                              "`weights`",
                              spec.plugin));
    }
    if (!model.can_train()) {
      throw Error(Fault::usage,
                  fmt::format("model {}: cannot be trained; give it `weights`", job_.model.plugin));
    }
    model.train(train, valid, job_.folder, job_.seed, [&](const json& point) {
      context_.send({{"event", "training_point"}, {"point", point}});
      return !context_.cancelled();
    });
    return model;
  }

  LoadedTask& loaded(const TrialJob& trial) {
    auto& entry = tasks_[trial.task];
    if (!entry.task) {
      const auto& spec = job_.tasks[trial.task];
      entry.task = plugin::Task::create(context_.registry, spec.plugin, spec.settings);
      entry.examples = test_examples(*entry.task, trial.limit);
    }
    return entry;
  }

  decode::Arm make_arm(const TrialJob& trial) {
    decode::Arm arm{
        plugin::Strategy::create(context_.registry, trial.strategy.plugin, trial.strategy.settings),
        {}};
    for (const auto& processor : trial.processors) {
      arm.processors.push_back(
          plugin::LogitsProcessor::create(context_.registry, processor.plugin, processor.settings));
    }
    return arm;
  }

  // The prompts of the examples that still lack samples.
  static std::vector<decode::Prompt> prompts_of(const TrialJob& trial,
                                                const std::vector<plugin::Example>& examples) {
    std::vector<decode::Prompt> prompts;
    for (std::size_t i = 0; i < examples.size(); ++i) {
      const auto& example = examples[i];
      decode::Prompt prompt{i, example.source, example.prefix, example.stop, kDefaultNewTokens, {}};
      if (example.max_new_tokens > 0) prompt.max_new_tokens = example.max_new_tokens;
      if (trial.max_new_tokens > 0) prompt.max_new_tokens = trial.max_new_tokens;
      for (std::uint32_t sample = 0; sample < trial.samples; ++sample) {
        if (!std::binary_search(trial.done.begin(), trial.done.end(),
                                std::pair<std::uint64_t, std::uint32_t>(i, sample))) {
          prompt.samples.push_back(sample);
        }
      }
      if (!prompt.samples.empty()) prompts.push_back(std::move(prompt));
    }
    return prompts;
  }

  // How the model expects the first reference; the same for every strategy, so computed once.
  void compute_likelihoods(plugin::Model& model, LoadedTask& task,
                           const std::vector<decode::Prompt>& prompts) {
    if (!task.task->likelihood()) return;
    std::vector<std::size_t> indices;
    std::vector<decode::LikelihoodRequest> requests;
    for (const auto& prompt : prompts) {
      const auto& example = task.examples[prompt.example];
      if (example.references.empty() || task.likelihoods.contains(prompt.example)) continue;
      indices.push_back(prompt.example);
      requests.push_back(
          {example.source, example.prefix, example.references.front(), example.reference_ends});
    }
    const auto answers = decode::likelihoods(model, requests, job_.batch_size, context_.cancelled);
    for (std::size_t i = 0; i < indices.size(); ++i) task.likelihoods[indices[i]] = answers[i];
  }

  void run_trial(plugin::Model& model, const TrialJob& trial) {
    auto& task = loaded(trial);
    const auto arm = make_arm(trial);
    const auto prompts = prompts_of(trial, task.examples);
    compute_likelihoods(model, task, prompts);
    std::vector<decode::Generation> unscored;
    double scoring_seconds = 0;
    const auto score_all = [&] {
      const double begin = seconds_now();
      score(model, trial, task, prompts, unscored);
      unscored.clear();
      scoring_seconds += seconds_now() - begin;
    };
    double last_progress = 0;
    decode::GenerateEvents events;
    events.on_generation = [&](decode::Generation generation) {
      unscored.push_back(std::move(generation));
      if (unscored.size() >= kScoreBatch) score_all();
    };
    events.on_failure = [&](const decode::GenerateFailure& failure) {
      context_.send({{"event", "sample_failed"},
                     {"trial", trial.id},
                     {"example_id", task.examples[prompts[failure.prompt].example].id},
                     {"message", failure.message}});
    };
    events.on_progress = [&](std::uint64_t tokens) {
      if (seconds_now() - last_progress < kProgressSeconds) return;
      last_progress = seconds_now();
      context_.send({{"event", "progress"}, {"trial", trial.id}, {"tokens", tokens}});
    };
    events.cancelled = context_.cancelled;
    const decode::GenerateOptions options{trial.seed, static_cast<std::uint32_t>(trial.samples),
                                          job_.batch_size, job_.top_alternatives};
    const auto totals = decode::generate(model, arm, prompts, options, events, seconds_now);
    const double generating = totals.seconds - scoring_seconds;
    score_all();
    context_.send({{"event", "trial_done"},
                   {"trial", trial.id},
                   {"totals", totals_to_json({totals.prompt_tokens, totals.delivered_tokens,
                                              totals.computed_tokens, generating})}});
  }

  void score(plugin::Model& model, const TrialJob& trial, LoadedTask& task,
             const std::vector<decode::Prompt>& prompts,
             const std::vector<decode::Generation>& generations) {
    if (generations.empty()) return;
    std::vector<plugin::Example> examples;
    std::vector<plugin::Output> outputs;
    for (const auto& generation : generations) {
      examples.push_back(task.examples[prompts[generation.prompt].example]);
      plugin::Output output{generation.text, std::string(decode::to_string(generation.finish)), {}};
      for (const auto& token : generation.tokens) {
        output.tokens.push_back(token_text(model, token.token));
      }
      outputs.push_back(std::move(output));
    }
    const auto scores = task.task->score(examples, outputs);
    for (std::size_t i = 0; i < generations.size(); ++i) {
      const auto index = prompts[generations[i].prompt].example;
      auto record = record_of(model, generations[i], examples[i], outputs[i]);
      record.example_index = index;
      for (const auto& [name, value] : scores[i].metrics) record.metrics[name] = stored(value);
      record.details = scores[i].details;
      if (const auto found = task.likelihoods.find(index); found != task.likelihoods.end()) {
        add_likelihood(record, found->second);
      }
      context_.send({{"event", "sample"}, {"trial", trial.id}, {"sample", sample_to_json(record)}});
    }
  }

  // A reference that was cut says nothing that compares with models that saw all of it.
  static void add_likelihood(storage::SampleRecord& record, const decode::Likelihood& likelihood) {
    const auto& [sum, tokens, bytes, complete] = likelihood;
    if (!complete) {
      record.details["likelihood"] = "undefined: the reference is longer than the model's context";
      return;
    }
    record.metrics["perplexity"] = stored(metrics::perplexity(sum, tokens));
    record.metrics["bits_per_byte"] = stored(metrics::bits_per_byte(sum, bytes));
  }

  storage::SampleRecord record_of(plugin::Model& model, const decode::Generation& generation,
                                  const plugin::Example& example, const plugin::Output& output) {
    storage::SampleRecord record;
    record.example_id = example.id;
    record.sample_index = generation.sample;
    record.source = example.source;
    record.prefix = example.prefix;
    record.output = generation.text;
    record.references = example.references;
    record.fields = example.fields;
    record.finish = output.finish;
    record.score = generation.score;
    record.seconds = generation.seconds;
    for (std::size_t t = 0; t < generation.tokens.size(); ++t) {
      const auto& token = generation.tokens[t];
      json alternatives = json::array();
      for (const auto& alternative : token.alternatives) {
        alternatives.push_back({token_text(model, alternative.token), alternative.log_probability});
      }
      record.tokens.push_back({token.token, output.tokens[t], token.log_probability, token.entropy,
                               token.rank, std::move(alternatives)});
    }
    return record;
  }

  const std::string& token_text(plugin::Model& model, std::int32_t token) {
    const auto [found, fresh] = token_texts_.try_emplace(token);
    if (fresh) found->second = model.token_text(token);
    return found->second;
  }

  const WorkerContext& context_;
  const ModelJob& job_;
  std::vector<LoadedTask> tasks_;
  std::map<std::int32_t, std::string> token_texts_;
};

}  // namespace

void run_model(const WorkerContext& context, const ModelJob& job) {
  ModelWorker(context, job).run();
}

}  // namespace trellis::experiments
