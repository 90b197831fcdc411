#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <map>

#include "experiments/commands/commands.hpp"
#include "experiments/content_hash.hpp"
#include "experiments/environment.hpp"
#include "experiments/model_run.hpp"
#include "experiments/survey.hpp"
#include "experiments/worker.hpp"

namespace trellis::experiments {
namespace {

namespace fs = std::filesystem;

constexpr int kMostJobs = 4;

struct RunArguments {
  fs::path config;
  fs::path database;
  std::vector<std::string> overrides;
  std::optional<std::uint64_t> limit;
  std::optional<std::uint64_t> seed;
  int jobs = 0;
  bool dry_run = false;
};

void add_config_options(CLI::App& command, RunArguments& arguments) {
  command.add_option("config", arguments.config, "The experiment, a TOML file")->required();
  command
      .add_option("--set", arguments.overrides,
                  "Overrides a key: experiment.samples=3, model.hidden=64 (all models), "
                  "strategy.beam.num_beams=[2,4] (by label or plugin)")
      ->type_name("KEY=VALUE")
      ->take_all();
  command.add_option("--limit", arguments.limit, "Only the first N test examples of each task");
  command.add_option("--seed", arguments.seed, "Seed of training and sampling");
}

Config read_checked(const RunArguments& arguments, const plugin::Registry& registry) {
  auto overrides = arguments.overrides;
  if (arguments.limit) overrides.push_back(fmt::format("experiment.limit={}", *arguments.limit));
  if (arguments.seed) overrides.push_back(fmt::format("experiment.seed={}", *arguments.seed));
  return read_config(arguments.config, overrides, registry, environment_variable);
}

WorkerOptions worker_options(const CommandContext& context, const Config& config, int jobs) {
  WorkerOptions options;
  options.program = this_program();
  options.plugin_folders = context.plugin_folders();
  const int processors = processor_count();
  options.jobs = jobs > 0 ? jobs : std::min(processors, kMostJobs);
  options.threads = std::max(1, processors / options.jobs);
  options.timeout_seconds = config.options.timeout_seconds;
  const double share = 0.9 / options.jobs;
  options.memory_bytes =
      config.options.memory_gb > 0
          ? static_cast<std::uint64_t>(config.options.memory_gb * 1e9)
          : static_cast<std::uint64_t>(share * static_cast<double>(memory_bytes()));
  return options;
}

void warn_of_contamination(const Config& config, const std::vector<TaskFacts>& facts) {
  for (std::size_t i = 0; i < facts.size(); ++i) {
    const auto& ids = facts[i].contaminated;
    if (ids.empty()) continue;
    std::cerr << fmt::format(
        "{}: contamination: task {}: {} of {} test examples are in its training or validation "
        "data, {} first; results on them measure memory\n",
        place(config.path, config.tasks[i].position), config.tasks[i].label, ids.size(),
        facts[i].test, ids.front());
  }
}

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

fs::path models_folder_of(const fs::path& database) {
  return fs::absolute(database).replace_extension(".models");
}

int run(const CommandContext& context, const RunArguments& arguments) {
  const auto stop_requests = count_stop_signals();
  const auto registry = context.make_registry();
  const auto config = read_checked(arguments, registry);
  const auto database =
      arguments.database.empty() ? fs::path(config.options.name + ".db") : arguments.database;
  const auto options = worker_options(context, config, arguments.jobs);
  const auto facts = survey_tasks(config, options, stop_requests);
  warn_of_contamination(config, facts);
  auto plan = make_plan(config, registry, facts, models_folder_of(database), content_hash_of_path);
  if (arguments.dry_run) {
    print_plan(plan, config, facts, database);
    return 0;
  }
  plan.experiment.environment = describe_environment();
  if (const auto folder = fs::absolute(database).parent_path(); !fs::exists(folder)) {
    throw Error(Fault::missing, fmt::format("{}: the folder {} does not exist; make it first",
                                            database.string(), folder.string()));
  }
  auto store = storage::Store::open(database);
  std::vector<storage::ModelRecord> models;
  for (const auto& model : plan.models) models.push_back(model.record);
  std::vector<storage::TrialRecord> trials;
  for (const auto& trial : plan.trials) trials.push_back(trial.record);
  store.put_experiment(plan.experiment, models, plan.tasks, trials);

  RunSummary summary;
  {
    Progress progress(std::cerr, isatty(STDERR_FILENO) != 0, monotonic_seconds);
    for (const auto& failure : plan.task_failures) {
      if (!failure.empty()) progress.say(failure);
    }
    summary = run_plan(plan, config, store, database, options, progress, stop_requests);
  }
  std::cerr << fmt::format("{} trials: {} done before, {} done now, {} failed{}\n", summary.trials,
                           summary.done_before, summary.done, summary.failed,
                           summary.cancelled ? "; stopped, run it again to go on" : "");
  if (summary.failed > 0) {
    std::cerr << fmt::format("why: sqlite3 {} 'SELECT * FROM failure_view'\n", database.string());
  }
  if (summary.cancelled) return 130;
  return summary.failed > 0 ? 1 : 0;
}

int validate(const CommandContext& context, const RunArguments& arguments) {
  const auto stop_requests = count_stop_signals();
  const auto registry = context.make_registry();
  const auto config = read_checked(arguments, registry);
  const auto options = worker_options(context, config, 1);
  const auto facts = survey_tasks(config, options, stop_requests);
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
