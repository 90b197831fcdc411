#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <iostream>
#include <map>

#include "core/metrics/bert_score.hpp"
#include "core/metrics/mauve.hpp"
#include "experiments/commands/commands.hpp"
#include "experiments/environment.hpp"
#include "experiments/model_at_path.hpp"
#include "experiments/score_by_encoder.hpp"
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
  fs::path encoder;
};

// What reads an encoder: as --metric calls it, what its names in the database begin with, and how.
struct EncoderMetric {
  const char* name;
  std::string_view prefix;
  decltype(&score_bert) score;
};
constexpr std::array kEncoderMetrics = {
    EncoderMetric{"bertscore", metrics::kBertScorePrefix, score_bert},
    EncoderMetric{"mauve", metrics::kMauvePrefix, score_mauve}};

// Takes those that are asked for from the metrics of texts alone.
std::vector<EncoderMetric> take_encoder_metrics(const ScoreArguments& arguments,
                                                std::vector<std::string>& names) {
  std::vector<EncoderMetric> taken;
  for (const auto& metric : kEncoderMetrics)
    if (std::erase(names, metric.name) > 0) taken.push_back(metric);
  if (!taken.empty() && arguments.encoder.empty()) {
    throw Error(Fault::usage,
                fmt::format("--metric {}: needs --encoder, the model whose vectors are compared",
                            taken.front().name));
  }
  if (taken.empty() && !arguments.encoder.empty()) {
    throw Error(Fault::usage,
                "--encoder: is for --metric bertscore or mauve, of which neither is there");
  }
  return taken;
}

// By metrics that need nothing but the texts, and perhaps an encoder.
int score_by_metrics(const CommandContext& context, const ScoreArguments& arguments) {
  auto names = arguments.metrics;
  const auto by_encoder = take_encoder_metrics(arguments, names);
  require_text_metrics(names);
  auto reader = storage::Reader::open(arguments.database);
  const auto experiment = reader.experiment(arguments.experiment);
  auto store = storage::Store::open(arguments.database);
  std::uint64_t scored = 0;
  if (!names.empty()) {
    scored = score_texts(reader, store, experiment.id, names,
                         static_cast<std::size_t>(processor_count()));
  }
  if (!by_encoder.empty()) {
    static const auto host = console_host([](void*) -> std::int32_t { return processor_count(); });
    plugin::Registry registry(context.plugin_folders(), host);
    auto encoder = plugin::Model::load(registry, plugin_of_model(registry, arguments.encoder),
                                       arguments.encoder);
    const auto stop_requests = count_stop_signals();
    for (const auto& metric : by_encoder) {
      names.push_back(encoder_metric_name(metric.prefix, arguments.encoder));
      scored = metric.score(reader, store, experiment.id, encoder, names.back(),
                            [&] { return stop_requests() > 0; });
    }
  }
  std::cout << fmt::format("{} samples scored by {}\n", scored, fmt::join(names, ", "));
  return 0;
}

// Scores every stored sample anew with today's task plugins; no model is loaded.
int score(const CommandContext& context, const ScoreArguments& arguments) {
  if (!arguments.metrics.empty() || !arguments.encoder.empty())
    return score_by_metrics(context, arguments);
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
        if (stays_when_scored_anew(name)) all.push_back(metric);
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
  command->add_option("--encoder", arguments->encoder,
                      "Of --metric bertscore and mauve: the model whose vectors are compared");
  command->callback([&context, arguments] { context.exit_code = score(context, *arguments); });
}

}  // namespace trellis::experiments
