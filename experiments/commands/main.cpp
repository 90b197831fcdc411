/// The `trellis` command. Exit codes: 0 done, 1 something failed or is incomplete, 2 wrong usage or
/// config, 130 stopped by the user.
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "experiments/build_facts.hpp"
#include "experiments/commands/commands.hpp"
#include "experiments/environment.hpp"

namespace trellis::experiments {
namespace {

std::atomic<int> stop_count{0};

int exit_code_of(Fault fault) {
  switch (fault) {
    case Fault::usage:
    case Fault::missing:
      return 2;
    case Fault::cancelled:
      return kStopped;
    default:
      return 1;
  }
}

}  // namespace

void end_on_stop_signals() {
  // Only calls that are safe within a signal handler.
  const auto end = [](int) {
    constexpr std::string_view message = "stopped\n";
    [[maybe_unused]] const auto written = write(STDERR_FILENO, message.data(), message.size());
    _exit(kStopped);
  };
  std::signal(SIGINT, end);
  std::signal(SIGTERM, end);
}

StopRequests count_stop_signals() {
  std::signal(SIGINT, [](int) { ++stop_count; });
  std::signal(SIGTERM, [](int) { ++stop_count; });
  return [] { return stop_count.load(); };
}

trellis_host console_host(std::int32_t (*threads)(void*)) {
  return {sizeof(trellis_host),
          TRELLIS_ABI_MAJOR,
          TRELLIS_ABI_MINOR,
          nullptr,
          [](void*, std::int32_t, const char* message, std::size_t size) {
            std::cerr << std::string_view(message, size) << '\n';
          },
          [](void*) -> std::int32_t { return 0; },
          threads};
}

const trellis_host& idle_host() {
  static const auto host = console_host([](void*) -> std::int32_t { return 1; });
  return host;
}

std::optional<std::string> environment_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}

std::vector<std::filesystem::path> CommandContext::plugin_folders() const {
  const auto installed = this_program().parent_path().parent_path() / "lib" / "trellis" / "plugins";
  const auto multiarch =
      this_program().parent_path().parent_path() / kLibraryFolder / "trellis" / "plugins";
  auto folders = plugin::search_path(plugin_flags, std::getenv("TRELLIS_PLUGIN_PATH"), installed);
  if (multiarch != installed) folders.push_back(multiarch);
  return folders;
}

plugin::Registry CommandContext::make_registry() const {
  return plugin::Registry(plugin_folders(), idle_host());
}

int run_command_line(int argc, char** argv) {
  CLI::App app("Trellis: a workbench for autoregressive text generation", "trellis");
  app.set_version_flag("--version", std::string("trellis ") + kVersion);
  app.require_subcommand(1);
  CommandContext context;
  app.add_option("--plugins", context.plugin_flags,
                 "A folder of plugins, searched before TRELLIS_PLUGIN_PATH and the installed ones")
      ->type_name("DIR");
  app.fallthrough();
  add_run_commands(app, context);
  add_verify_command(app, context);
  add_score_command(app, context);
  add_report_commands(app, context);
  add_explain_command(app, context);
  add_gui_command(app, context);
  add_plugins_command(app, context);
  add_database_commands(app, context);
  add_generate_commands(app, context);
  add_worker_command(app, context);
  try {
    app.parse(argc, argv);
    return context.exit_code;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const Error& error) {
    std::cerr << error.what() << '\n';
    return exit_code_of(error.fault());
  } catch (const std::exception& exception) {
    std::cerr << "internal error: " << exception.what() << '\n';
    return 1;
  }
}

}  // namespace trellis::experiments

int main(int argc, char** argv) {
  return trellis::experiments::run_command_line(argc, argv);
}
