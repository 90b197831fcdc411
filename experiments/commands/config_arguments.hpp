/// What the commands that take an experiment have in common: its file, what overrides it, and the
/// workers that it is done with.
#pragma once

#include "experiments/commands/commands.hpp"
#include "experiments/protocol.hpp"

namespace trellis::experiments {

struct ConfigArguments {
  std::filesystem::path config;
  std::vector<std::string> overrides;
  std::optional<std::uint64_t> limit;
  std::optional<std::uint64_t> seed;
};

/// --limit and --seed among the overrides.
std::vector<std::string> all_overrides(const ConfigArguments& arguments);

void add_config_options(CLI::App& command, ConfigArguments& arguments);
Config read_checked(const ConfigArguments& arguments, const plugin::Registry& registry);

/// jobs 0: as many as suit the machine. state_memory: of all workers together, 0: what suits the
/// machine.
WorkerOptions worker_options(const CommandContext& context, const Config& config, int jobs,
                             std::uint64_t state_memory = 0);

/// "4G", "512M", "1500000": bytes, in powers of 1,024. Throws Error(usage).
std::uint64_t size_of_text(const std::string& option, const std::string& text);

/// What workers see in the experiment's data. They leave something to tidy up, so a stop is heeded
/// here, unlike before and after (end_on_stop_signals). Throws Error(cancelled) when stopped.
std::vector<TaskFacts> survey(const Config& config, const WorkerOptions& options);

/// Says which test examples are training data too.
void warn_of_contamination(const Config& config, const std::vector<TaskFacts>& facts);

/// Of the experiment, where `given` is empty.
std::filesystem::path database_of(const Config& config, const std::filesystem::path& given);
std::filesystem::path models_folder_of(const std::filesystem::path& database);

}  // namespace trellis::experiments
