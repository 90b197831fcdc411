#include <unistd.h>

#include <iostream>

#include "experiments/commands/commands.hpp"
#include "reports/comparison.hpp"
#include "reports/html_report.hpp"
#include "reports/test_table.hpp"
#include "reports/writers.hpp"

namespace trellis::experiments {
namespace {

namespace fs = std::filesystem;

struct ReportArguments {
  fs::path database;
  fs::path output;
  std::string format = "terminal";
  bool tests = false;
  reports::CompareOptions compare;
};

void add_compare_options(CLI::App& command, ReportArguments& arguments) {
  command.add_option("database", arguments.database, "The database")->required();
  command.add_option("--experiment", arguments.compare.experiment,
                     "By default the one that ran last");
  command.add_option("--task", arguments.compare.tasks, "Only these tasks")->take_all();
  command.add_option("--metric", arguments.compare.metrics, "Only these metrics, in this order")
      ->take_all();
  command.add_option("--baseline", arguments.compare.baseline,
                     "\"model\", \"strategy\" or \"model/strategy\"; by default the first arm");
  command
      .add_option("--power", arguments.compare.power,
                  "For which the number of needed pairs is told; 0.8 by default")
      ->check(CLI::Range(0.01, 0.9999));
}

void compare(const ReportArguments& arguments) {
  const auto format = reports::format_from(arguments.format);
  auto reader = storage::Reader::open(arguments.database);
  const auto comparison = reports::compare(reader, arguments.compare);
  reports::write_comparison(comparison, format, reports::terminal_options(STDOUT_FILENO),
                            std::cout);
  if (arguments.tests && format == reports::Format::terminal) {
    std::cout << reports::test_table(comparison);
  }
}

void report(const ReportArguments& arguments) {
  auto reader = storage::Reader::open(arguments.database);
  auto output = arguments.output;
  if (output.empty()) output = fs::path(arguments.database).replace_extension(".html");
  reports::HtmlOptions options;
  options.compare = arguments.compare;
  reports::write_html_report(reader, arguments.compare.experiment, output, options);
  std::cout << output.string() << '\n';
}

}  // namespace

void add_report_commands(CLI::App& app, CommandContext&) {
  const auto arguments = std::make_shared<ReportArguments>();
  auto* compare_command =
      app.add_subcommand("compare", "Prints model × strategy × task tables, the baseline first");
  add_compare_options(*compare_command, *arguments);
  compare_command->add_option("--format", arguments->format, "terminal, markdown, csv or json");
  compare_command->add_flag(
      "--tests", arguments->tests,
      "Also prints every test: intervals, p-values, effect sizes, pairs needed");
  compare_command->callback([arguments] { compare(*arguments); });

  auto* report_command = app.add_subcommand("report", "Writes one self-contained HTML file");
  add_compare_options(*report_command, *arguments);
  report_command->add_option("-o,--output", arguments->output,
                             "By default beside the database, with .html");
  report_command->callback([arguments] { report(*arguments); });
}

}  // namespace trellis::experiments
