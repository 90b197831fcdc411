/// The subcommands of `trellis`. Each adds itself to the application; its callback sets the exit
/// code.
#pragma once

#include <CLI/CLI.hpp>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/plugin/registry.hpp"
#include "experiments/config.hpp"
#include "experiments/runner.hpp"

namespace trellis::experiments {

/// What all subcommands share.
struct CommandContext {
  std::vector<std::filesystem::path> plugin_flags;  ///< --plugins
  int exit_code = 0;

  std::vector<std::filesystem::path> plugin_folders() const;
  plugin::Registry make_registry() const;
};

void add_run_commands(CLI::App& app, CommandContext& context);       ///< run, validate
void add_verify_command(CLI::App& app, CommandContext& context);     ///< verify
void add_score_command(CLI::App& app, CommandContext& context);      ///< score
void add_report_commands(CLI::App& app, CommandContext& context);    ///< compare, report
void add_explain_command(CLI::App& app, CommandContext& context);    ///< explain
void add_gui_command(CLI::App& app, CommandContext& context);        ///< gui
void add_plugins_command(CLI::App& app, CommandContext& context);    ///< plugins list|show|check
void add_database_commands(CLI::App& app, CommandContext& context);  ///< db merge|check|export
void add_generate_commands(CLI::App& app, CommandContext& context);  ///< generate, chat
void add_worker_command(CLI::App& app, CommandContext& context);  ///< worker, for the host itself

/// Exit code of a command that the user stopped.
inline constexpr int kStopped = 130;

/// From now on SIGINT and SIGTERM end the program at once, with kStopped: for stretches that have
/// nothing to tidy up and cannot look for requests, such as the parsing of a huge config.
void end_on_stop_signals();
/// Counts SIGINT and SIGTERM from now on, instead of ending the program.
StopRequests count_stop_signals();

/// Host services that log to standard error and never ask to stop; `threads` says how many a plugin
/// may use.
trellis_host console_host(std::int32_t (*threads)(void*));
/// The same for plugins that are only looked at.
const trellis_host& idle_host();

/// The value of an environment variable.
std::optional<std::string> environment_variable(const std::string& name);

}  // namespace trellis::experiments
