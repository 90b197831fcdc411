#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <map>

#include "experiments/commands/config_arguments.hpp"
#include "experiments/content_hash.hpp"
#include "experiments/environment.hpp"
#include "experiments/score_words.hpp"
#include "experiments/worker.hpp"
#include "storage/queries.hpp"

namespace trellis::experiments {
namespace {

namespace fs = std::filesystem;

struct RunArguments : ConfigArguments {
  fs::path database;
  int jobs = 0;
  std::string memory;
  bool dry_run = false;
};

// Tokens per second of each model plugin, as measured in this database before.
std::map<std::string, double> measured_speeds(const fs::path& database) {
  std::map<std::string, std::pair<double, double>> sums;
  std::map<std::string, double> speeds;
  if (!fs::exists(database)) return speeds;
  auto reader = storage::Reader::open(database);
  for (const auto& experiment : reader.experiments()) {
    std::map<std::string, std::string> plugins;
    for (const auto& model : reader.models(experiment.id)) {
      plugins[model.record.id] = model.record.plugin;
    }
    for (const auto& trial : reader.trials(experiment.id)) {
      auto& sum = sums[plugins[trial.record.model_id]];
      sum.first += static_cast<double>(trial.totals.delivered_tokens);
      sum.second += trial.totals.seconds;
    }
  }
  for (const auto& [plugin, sum] : sums) {
    if (sum.second > 0) speeds[plugin] = sum.first / sum.second;
  }
  return speeds;
}

struct OpenWork {
  std::uint64_t samples = 0;
  std::size_t trials = 0;
};

void print_plan(const Plan& plan, const Config& config, const std::vector<TaskFacts>& facts,
                const fs::path& database) {
  std::map<std::string, storage::TrialRow> known;
  std::map<std::string, bool> ready;
  if (fs::exists(database)) {
    auto reader = storage::Reader::open(database);
    for (const auto& experiment : reader.experiments()) {
      for (auto& trial : reader.trials(experiment.id)) known[trial.record.id] = trial;
      for (auto& model : reader.models(experiment.id)) {
        ready[model.record.id] = model.result.has_value();
      }
    }
  }
  const auto speeds = measured_speeds(database);
  const auto tokens_each = config.options.max_new_tokens;
  std::cout << fmt::format("Experiment {}: {} models, {} tasks, {} trials\n", config.options.name,
                           plan.models.size(), plan.tasks.size(), plan.trials.size());
  for (std::size_t i = 0; i < plan.tasks.size(); ++i) {
    std::cout << fmt::format("  task {}: {} training, {} validation, {} test examples\n",
                             plan.tasks[i].label, count_text(facts[i].train),
                             count_text(facts[i].valid), count_text(facts[i].test));
  }
  OpenWork all;
  double seconds = 0;
  bool all_measured = true;
  for (const auto& model : plan.models) {
    OpenWork open;
    for (const auto index : model.trials) {
      const auto& record = plan.trials[index].record;
      const auto found = known.find(record.id);
      if (found != known.end() && found->second.status == storage::TrialStatus::done) continue;
      ++open.trials;
      open.samples += record.expected_samples -
                      (found != known.end() ? found->second.stored_samples : std::uint64_t{0});
    }
    const auto& record = model.record;
    const bool trained = model.given || ready[record.id];
    std::cout << fmt::format("  model {}{}{}: {}, {} of {} trials open, {} samples to make\n",
                             record.label, record.task_label.empty() ? "" : " · ",
                             record.task_label, trained ? "trained" : "to be trained", open.trials,
                             model.trials.size(), count_text(open.samples));
    all.trials += open.trials;
    all.samples += open.samples;
    const auto speed = speeds.find(record.plugin);
    if (open.samples > 0 && (speed == speeds.end() || !trained)) all_measured = false;
    if (speed != speeds.end()) {
      const double tokens = static_cast<double>(tokens_each > 0 ? tokens_each : 64);
      seconds += static_cast<double>(open.samples) * tokens / speed->second;
    }
  }
  std::cout << fmt::format("{} trials open, {} samples to make", all.trials,
                           count_text(all.samples));
  if (all.samples > 0) {
    std::cout << (all_measured
                      ? fmt::format("; about {} at the speeds measured in {}",
                                    duration_text(seconds), database.string())
                      : std::string("; no estimate of time: not all of these models were trained "
                                    "and timed in this database yet"));
  }
  std::cout << '\n';
}

int run(const CommandContext& context, const RunArguments& arguments) {
  end_on_stop_signals();
  const auto registry = context.make_registry();
  const auto config = read_checked(arguments, registry);
  const auto database = database_of(config, arguments.database);
  const auto memory = arguments.memory.empty() ? 0 : size_of_text("--memory", arguments.memory);
  const auto options = worker_options(context, config, arguments.jobs, memory);
  const auto facts = survey(config, options);
  warn_of_contamination(config, facts);
  const auto models_folder = models_folder_of(database);
  auto plan = make_plan(config, registry, facts, models_folder, content_hash_of_path,
                        models_of_database(database, models_folder));
  if (arguments.dry_run) {
    print_plan(plan, config, facts, database);
    return 0;
  }
  const auto stop_requests = count_stop_signals();
  plan.experiment.environment = describe_environment();
  // So that it can be run again from anywhere.
  plan.experiment.config_path = fs::absolute(arguments.config).lexically_normal().string();
  plan.experiment.overrides = all_overrides(arguments);
  if (const auto folder = fs::absolute(database).parent_path(); !fs::exists(folder)) {
    throw Error(Fault::missing, fmt::format("{}: the folder {} does not exist; make it first",
                                            database.string(), folder.string()));
  }
  auto store = storage::Store::open(database);
  std::vector<storage::ModelRecord> models;
  for (const auto& model : plan.models) models.push_back(model.record);
  std::vector<storage::TrialRecord> trials;
  for (const auto& trial : plan.trials) trials.push_back(trial.record);
  const auto experiment = store.put_experiment(plan.experiment, models, plan.tasks, trials);

  RunSummary summary;
  {
    Progress progress(std::cerr, isatty(STDERR_FILENO) != 0, monotonic_seconds);
    for (const auto& failure : plan.task_failures) {
      if (!failure.empty()) progress.say(failure);
    }
    summary = run_plan(plan, config, store, database, options, progress, stop_requests);
  }
  auto reader = storage::Reader::open(database);
  score_words(reader, store, experiment, config.words, facts);
  std::cerr << fmt::format("{} trials: {} done before, {} done now, {} failed{}\n", summary.trials,
                           summary.done_before, summary.done, summary.failed,
                           summary.cancelled ? "; stopped, run it again to go on" : "");
  if (summary.failed > 0) {
    std::cerr << fmt::format("why: sqlite3 {} 'SELECT * FROM failure_view'\n", database.string());
  }
  if (summary.cancelled) return kStopped;
  return summary.failed > 0 ? 1 : 0;
}

int validate(const CommandContext& context, const RunArguments& arguments) {
  end_on_stop_signals();
  const auto registry = context.make_registry();
  const auto config = read_checked(arguments, registry);
  const auto facts = survey(config, worker_options(context, config, 1));
  warn_of_contamination(config, facts);
  bool good = true;
  for (const auto& task : facts) {
    if (task.failure.empty()) continue;
    std::cerr << task.failure << '\n';
    good = false;
  }
  if (good) {
    std::cout << fmt::format("{}: {} models, {} strategies, {} tasks: all is well\n",
                             config.path.string(), config.models.size(), config.strategies.size(),
                             config.tasks.size());
  }
  return good ? 0 : 1;
}

}  // namespace

void add_run_commands(CLI::App& app, CommandContext& context) {
  const auto arguments = std::make_shared<RunArguments>();
  auto* run_command = app.add_subcommand("run", "Runs an experiment, or what is left of it");
  add_config_options(*run_command, *arguments);
  run_command->add_option("--db", arguments->database,
                          "The database; by default the experiment's name with .db, here");
  run_command->add_option("--jobs", arguments->jobs,
                          "Models at work at once; by default one a processor, but four at most");
  run_command
      ->add_option("--memory", arguments->memory,
                   "Memory for what models remember of texts under way, of all workers together, "
                   "as 4G; by default half of what is free. Work waits for room; results are the "
                   "same")
      ->type_name("SIZE");
  run_command->add_flag("--dry-run", arguments->dry_run, "Prints the plan and an estimate only");
  run_command->callback([&context, arguments] { context.exit_code = run(context, *arguments); });

  auto* validate_command =
      app.add_subcommand("validate", "Checks an experiment and its data without running it");
  add_config_options(*validate_command, *arguments);
  validate_command->callback(
      [&context, arguments] { context.exit_code = validate(context, *arguments); });
}

void add_worker_command(CLI::App& app, CommandContext& context) {
  auto* command = app.add_subcommand("worker", "For `trellis run` itself: does one job");
  command->group("");
  command->callback([&context] { context.exit_code = worker_main(); });
}

}  // namespace trellis::experiments
