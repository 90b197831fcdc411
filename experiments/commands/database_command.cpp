#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>

#include "experiments/commands/commands.hpp"
#include "storage/maintenance.hpp"

namespace trellis::experiments {
namespace {

namespace fs = std::filesystem;

void merge(const std::vector<fs::path>& from, const fs::path& into) {
  const auto report = storage::merge(from, into);
  for (const auto& conflict : report.conflicts) std::cerr << conflict << '\n';
  std::cout << fmt::format(
      "{}: {} experiments, {} models, {} tasks, {} trials, {} samples, {} failures, {} ratings and "
      "tags added\n",
      into.string(), report.experiments, report.models, report.tasks, report.trials, report.samples,
      report.failures, report.annotations);
}

int check(const fs::path& database) {
  const auto lines = storage::check(database);
  for (const auto& line : lines) std::cout << line << '\n';
  if (lines.empty()) std::cout << database.string() << ": all is well\n";
  return lines.empty() ? 0 : 1;
}

void export_to(const fs::path& database, const storage::ExportOptions& options,
               const fs::path& output) {
  auto reader = storage::Reader::open(database);
  if (output.empty()) {
    storage::export_samples(reader, options, std::cout);
    return;
  }
  errno = 0;
  std::ofstream stream(output, std::ios::binary);
  if (!stream) {
    throw Error(Fault::environment,
                fmt::format("{}: cannot be written: {}; name another file with --output",
                            output.string(), std::strerror(errno)));
  }
  const auto count = storage::export_samples(reader, options, stream);
  std::cerr << fmt::format("{}: {} samples\n", output.string(), count);
}

}  // namespace

void add_database_commands(CLI::App& app, CommandContext& context) {
  auto* command = app.add_subcommand("db", "Merges, checks and exports databases");
  command->require_subcommand(1);
  command->fallthrough();

  auto* merge_command = command->add_subcommand("merge", "Adds what other databases have");
  const auto into = std::make_shared<fs::path>();
  const auto from = std::make_shared<std::vector<fs::path>>();
  merge_command->add_option("into", *into, "The database that grows")->required();
  merge_command->add_option("from", *from, "Databases that are only read")->required();
  merge_command->callback([into, from] { merge(*from, *into); });

  auto* check_command = command->add_subcommand("check", "Looks for damage and contradictions");
  const auto database = std::make_shared<fs::path>();
  check_command->add_option("database", *database, "The database")->required();
  check_command->callback([&context, database] { context.exit_code = check(*database); });

  auto* export_command = command->add_subcommand("export", "Writes every sample with its metrics");
  const auto options = std::make_shared<storage::ExportOptions>();
  const auto output = std::make_shared<fs::path>();
  const auto csv = std::make_shared<bool>(false);
  export_command->add_option("database", *database, "The database")->required();
  export_command->add_option("--experiment", options->experiment,
                             "By default the one that ran last");
  export_command->add_flag("--csv", *csv, "CSV instead of JSON Lines");
  export_command->add_flag("--tokens", options->tokens, "With every token (JSON Lines only)");
  export_command->add_option("-o,--output", *output, "By default standard output");
  export_command->callback([=] {
    options->format = *csv ? storage::ExportFormat::csv : storage::ExportFormat::jsonl;
    export_to(*database, *options, *output);
  });
}

}  // namespace trellis::experiments
