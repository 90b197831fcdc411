#include "experiments/commands/config_arguments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iostream>

#include "experiments/environment.hpp"
#include "experiments/survey.hpp"

namespace trellis::experiments {
namespace {

constexpr int kMostJobs = 4;

// The rest is for models, tasks and whatever else the machine does.
constexpr double kStateShare = 0.5;

}  // namespace

void add_config_options(CLI::App& command, ConfigArguments& arguments) {
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

std::vector<std::string> all_overrides(const ConfigArguments& arguments) {
  auto overrides = arguments.overrides;
  if (arguments.limit) overrides.push_back(fmt::format("experiment.limit={}", *arguments.limit));
  if (arguments.seed) overrides.push_back(fmt::format("experiment.seed={}", *arguments.seed));
  return overrides;
}

Config read_checked(const ConfigArguments& arguments, const plugin::Registry& registry) {
  auto config =
      read_config(arguments.config, all_overrides(arguments), registry, environment_variable);
  for (const auto& note : config.notes) std::cerr << note << '\n';
  return config;
}

WorkerOptions worker_options(const CommandContext& context, const Config& config, int jobs,
                             std::uint64_t state_memory) {
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
  const auto workers = static_cast<std::uint64_t>(options.jobs);
  if (state_memory > 0) {
    options.state_memory = std::max<std::uint64_t>(state_memory / workers, 1);
  } else {
    const auto room = std::min(available_memory_bytes() / workers, options.memory_bytes);
    options.state_memory = static_cast<std::uint64_t>(kStateShare * static_cast<double>(room));
  }
  return options;
}

std::uint64_t size_of_text(const std::string& option, const std::string& text) {
  std::uint64_t number = 0;
  const auto [rest, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string unit(rest, text.data() + text.size());
  constexpr std::string_view kUnits = "KMGT";
  const auto power = unit.empty() ? 0 : kUnits.find(unit) + 1;  // 0 for what is not found, too
  const unsigned shift = 10 * static_cast<unsigned>(power);
  if (problem != std::errc() || unit.size() > 1 || (power == 0 && !unit.empty()) || number == 0 ||
      number > (std::uint64_t{1} << 62U) >> shift) {
    throw Error(Fault::usage,
                fmt::format("{} {}: must be a number of bytes above 0, with K, M, G or T behind it "
                            "for powers of 1024, as in 4G",
                            option, text));
  }
  return number << shift;
}

std::vector<TaskFacts> survey(const Config& config, const WorkerOptions& options) {
  const auto stop_requests = count_stop_signals();
  auto facts = survey_tasks(config, options, stop_requests);
  end_on_stop_signals();
  if (stop_requests() > 0) throw Error(Fault::cancelled, "stopped");
  return facts;
}

void warn_of_contamination(const Config& config, const std::vector<TaskFacts>& facts) {
  for (std::size_t i = 0; i < facts.size(); ++i) {
    const auto about =
        fmt::format("{}: contamination: task {}", place(config.path, config.tasks[i].position),
                    config.tasks[i].label);
    if (const auto& ids = facts[i].contaminated; !ids.empty()) {
      std::cerr << fmt::format(
          "{}: {} of {} test examples are in its training or validation data, {} first; results on "
          "them measure memory\n",
          about, ids.size(), facts[i].test, ids.front());
    }
    if (const auto& overlaps = facts[i].overlaps; !overlaps.empty()) {
      const auto most = std::max_element(
          overlaps.begin(), overlaps.end(),
          [](const SharedRun& a, const SharedRun& b) { return a.share < b.share; });
      std::cerr << fmt::format(
          "{}: {} of the {} test examples with {} words in a row share so many with its training "
          "or validation data, {} the most ({:.0f} % of its words)\n",
          about, overlaps.size(), facts[i].comparable, config.options.contamination_words,
          most->example, 100 * most->share);
    }
  }
}

std::filesystem::path database_of(const Config& config, const std::filesystem::path& given) {
  return given.empty() ? std::filesystem::path(config.options.name + ".db") : given;
}

std::filesystem::path models_folder_of(const std::filesystem::path& database) {
  return std::filesystem::absolute(database).replace_extension(".models");
}

}  // namespace trellis::experiments
