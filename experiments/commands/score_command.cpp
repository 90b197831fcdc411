#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iostream>
#include <map>

#include "experiments/commands/commands.hpp"
#include "experiments/environment.hpp"
#include "experiments/score_texts.hpp"
#include "experiments/survey.hpp"
#include "experiments/trial_metrics.hpp"

namespace trellis::experiments {
namespace {

namespace fs = std::filesystem;

struct ScoreArguments {
  fs::path database;
  std::string experiment;
  std::vector<std::string> metrics;
};

// By metrics that need nothing but the texts.
int score_by_metrics(const ScoreArguments& arguments) {
  require_text_metrics(arguments.metrics);
  auto reader = storage::Reader::open(arguments.database);
  const auto experiment = reader.experiment(arguments.experiment);
  auto store = storage::Store::open(arguments.database);
  const auto scored = score_texts(reader, store, experiment.id, arguments.metrics,
                                  static_cast<std::size_t>(processor_count()));
  std::cout << fmt::format("{} samples scored by {}\n", scored, fmt::join(arguments.metrics, ", "));
  return 0;
}

// Scores every stored sample anew with today's task plugins; no model is loaded.
int score(const CommandContext& context, const ScoreArguments& arguments) {
  if (!arguments.metrics.empty()) return score_by_metrics(arguments);
  const auto stop_requests = count_stop_signals();
  const auto registry = context.make_registry();
  auto reader = storage::Reader::open(arguments.database);
  const auto experiment = reader.experiment(arguments.experiment);
  auto store = storage::Store::open(arguments.database);
  WorkerOptions options;
  options.program = this_program();
  options.plugin_folders = context.plugin_folders();
  std::size_t scored = 0;
  bool failed = false;
  for (const auto& task : reader.tasks(experiment.id)) {
    Job job;
    job.kind = "score";
    job.plugin_folders = options.plugin_folders;
    job.score.database = fs::absolute(arguments.database).string();
    job.score.task = {task.plugin, task.settings};
    std::map<std::string, storage::TrialRow> trials;
    for (const auto& trial : reader.trials(experiment.id)) {
      if (trial.record.task_id != task.id || trial.stored_samples == 0) continue;
      job.score.trials.push_back(trial.record.id);
      trials[trial.record.id] = trial;
    }
    if (trials.empty()) continue;
    const auto failure = run_worker(job, options, stop_requests, [&](const auto& event) {
      if (event.at("event") != "scores") return;
      std::vector<storage::SampleRecord> samples;
      for (const auto& sample : event.at("samples")) samples.push_back(sample_from_json(sample));
      store.put_sample_metrics(event.at("trial").template get<std::string>(), samples);
      scored += samples.size();
    });
    if (!failure.empty()) {
      std::cerr << fmt::format("task {}: {}\n", task.label, failure);
      failed = true;
      continue;
    }
    const auto task_metrics =
        metrics_of_task(registry.get(plugin::Kind::task, task.plugin).json, task.settings);
    for (const auto& [id, trial] : trials) {
      auto all = trial_metrics(reader, id, task_metrics, trial.totals, trial.stored_samples);
      for (const auto& [name, metric] : trial.metrics) {
        if (name.starts_with(metrics::kSharePrefix)) all.push_back(metric);
      }
      store.put_trial_metrics(id, all);
    }
  }
  std::cout << fmt::format("{} samples scored\n", scored);
  return failed ? 1 : 0;
}

}  // namespace

void add_score_command(CLI::App& app, CommandContext& context) {
  const auto arguments = std::make_shared<ScoreArguments>();
  auto* command = app.add_subcommand("score", "Scores stored outputs anew; loads no model");
  command->add_option("database", arguments->database, "The database")->required();
  command->add_option("--experiment", arguments->experiment, "By default the one that ran last");
  command
      ->add_option("--metric", arguments->metrics,
                   "Adds these metrics, computed from the stored texts alone; asks no task plugin")
      ->take_all();
  command->callback([&context, arguments] { context.exit_code = score(context, *arguments); });
}

}  // namespace trellis::experiments
