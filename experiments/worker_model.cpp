#include <fmt/format.h>

#include <iostream>
#include <optional>

#include "experiments/environment.hpp"
#include "experiments/task_data.hpp"
#include "experiments/worker.hpp"
#include "experiments/worker_sweep.hpp"

namespace trellis::experiments {
namespace {

using nlohmann::json;

class ModelWorker {
 public:
  ModelWorker(const WorkerContext& context, const ModelJob& job)
      : context_(context), job_(job), drafts_(context.registry) {
    for (std::size_t i = 0; i < job_.trials.size(); ++i) job_.trials[i].place = i;
  }

  void run() {
    context_.send({{"event", "stage"}, {"stage", job_.train ? "train" : "load"}});
    const double begin = monotonic_seconds();
    auto model = job_.train
                     ? train()
                     : plugin::Model::load(context_.registry, job_.model.plugin, job_.folder);
    if (model.facts().vocab_size == 0) {
      throw Error(Fault::plugin, fmt::format("model {}: has no vocabulary", job_.model.plugin));
    }
    context_.send({{"event", "model"},
                   {"description", model.facts().json},
                   {"trained", job_.train},
                   {"seconds", monotonic_seconds() - begin}});
    for (std::size_t task = 0; task < job_.tasks.size(); ++task) {
      std::vector<TrialJob*> trials;
      for (auto& trial : job_.trials) {
        if (trial.task == task) trials.push_back(&trial);
      }
      if (!trials.empty()) generate(model, trials);
    }
  }

 private:
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

  // Together; where that fails by a fault that no trial can be blamed for, one by one.
  void generate(plugin::Model& model, std::vector<TrialJob*>& trials) {
    std::optional<LoadedTask> task;
    if (job_.together && trials.size() > 1) {
      try {
        begin(trials);
        task = load(*trials.front());
        Sweep(context_, job_, model, *task, drafts_, trials).run();
      } catch (const Error& error) {
        if (error.fault() == Fault::cancelled) throw;
        std::cerr << error.what() << "; the trials go on one by one" << std::endl;
      }
    }
    while (!trials.empty()) {
      std::vector<TrialJob*> alone = {trials.front()};
      trials.erase(trials.begin());
      begin(alone);
      try {
        if (!task) task = load(*alone.front());
        Sweep(context_, job_, model, *task, drafts_, alone).run();
      } catch (const Error& error) {
        if (error.fault() == Fault::cancelled) throw;
        context_.send({{"event", "trial_failed"},
                       {"trial", alone.front()->id},
                       {"stage", "generate"},
                       {"message", error.what()}});
      }
    }
  }

  void begin(const std::vector<TrialJob*>& trials) const {
    json ids = json::array();
    for (const auto* trial : trials) ids.push_back(trial->id);
    context_.mark(trials.size() == 1 ? static_cast<std::uint32_t>(trials.front()->place) + 1 : 0);
    context_.send({{"event", "stage"}, {"stage", "generate"}, {"trials", std::move(ids)}});
  }

  LoadedTask load(const TrialJob& trial) const {
    const auto& spec = job_.tasks[trial.task];
    LoadedTask loaded{plugin::Task::create(context_.registry, spec.plugin, spec.settings), {}, {}};
    loaded.examples = test_examples(loaded.task, job_.limit);
    return loaded;
  }

  const WorkerContext& context_;
  ModelJob job_;
  Drafts drafts_;
};

}  // namespace

void run_model(const WorkerContext& context, const ModelJob& job) {
  ModelWorker(context, job).run();
}

}  // namespace trellis::experiments
