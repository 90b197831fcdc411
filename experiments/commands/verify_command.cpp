#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "core/kernels/targets.hpp"
#include "experiments/commands/config_arguments.hpp"
#include "experiments/content_hash.hpp"
#include "experiments/environment.hpp"
#include "experiments/verify.hpp"
#include "reports/display_width.hpp"

namespace trellis::experiments {
namespace {

constexpr std::uint64_t kDefaultLimit = 4;

struct VerifyArguments : ConfigArguments {
  std::filesystem::path database;
};

struct VerifiedModel {
  std::string label;
  std::vector<VerifiedVariation> rows;
};

// One row a variation, one column a model; what differs is told below.
void print_table(const std::vector<Variation>& variations,
                 const std::vector<VerifiedModel>& models) {
  std::vector<std::vector<std::string>> columns(models.size() + 1);
  std::vector<std::string> notes;
  columns[0].push_back("against batch 1, 1 thread");
  for (std::size_t v = 1; v < variations.size(); ++v) columns[0].push_back(variations[v].name);
  for (std::size_t m = 0; m < models.size(); ++m) {
    auto& column = columns[m + 1];
    column.push_back(models[m].label);
    const auto& rows = models[m].rows;
    for (std::size_t v = 1; v < variations.size(); ++v) {
      const bool failed_before = v >= rows.size();
      const auto& difference = failed_before ? rows.front().difference : rows[v].difference;
      if (difference.empty()) {
        column.push_back("equal");
        continue;
      }
      if (!failed_before || v == 1) {
        notes.push_back(fmt::format("[{}] {}, {}: {}", notes.size() + 1, models[m].label,
                                    failed_before ? rows.front().name : rows[v].name, difference));
      }
      column.push_back(fmt::format("{} [{}]", failed_before ? "failed" : "differs", notes.size()));
    }
  }
  std::vector<std::size_t> widths;
  for (const auto& column : columns) {
    std::size_t width = 0;
    for (const auto& cell : column) width = std::max(width, reports::display_width(cell));
    widths.push_back(width);
  }
  for (std::size_t row = 0; row < variations.size(); ++row) {
    std::string line;
    for (std::size_t c = 0; c < columns.size(); ++c) {
      if (c > 0) line += "  ";
      line +=
          c + 1 < columns.size() ? reports::padded(columns[c][row], widths[c]) : columns[c][row];
    }
    std::cout << line << '\n';
  }
  for (const auto& note : notes) std::cout << note << '\n';
}

// With the data it was trained on where that tells two apart.
std::string label_of(const Plan& plan, std::size_t model) {
  const auto& record = plan.models[model].record;
  const auto alike =
      std::count_if(plan.models.begin(), plan.models.end(),
                    [&](const PlannedModel& other) { return other.record.label == record.label; });
  return alike > 1 ? record.label + " · " + record.task_label : record.label;
}

int verify(const CommandContext& context, VerifyArguments arguments) {
  end_on_stop_signals();
  const auto registry = context.make_registry();
  if (!arguments.limit) arguments.limit = kDefaultLimit;
  const auto config = read_checked(arguments, registry);
  const auto options = worker_options(context, config, 1);
  const auto facts = survey(config, options);
  const auto database = database_of(config, arguments.database);
  const auto models_folder = models_folder_of(database);
  const auto plan = make_plan(config, registry, facts, models_folder, content_hash_of_path,
                              models_of_database(database, models_folder));
  bool good = true;
  for (const auto& failure : plan.task_failures) {
    if (failure.empty()) continue;
    std::cerr << failure << '\n';
    good = false;
  }
  const auto stop_requests = count_stop_signals();
  const auto all = variations(other_fused_targets());
  Progress progress(std::cerr, isatty(STDERR_FILENO) != 0, monotonic_seconds);
  std::vector<VerifiedModel> models;
  std::size_t samples = 0;
  for (std::size_t m = 0; m < plan.models.size(); ++m) {
    if (plan.models[m].trials.empty()) continue;  // it is trained for others
    const auto say = [&](const std::string& what) { progress.begin(0, what, std::nullopt, 0); };
    models.push_back(
        {label_of(plan, m), verify_model(plan, config, m, options, all, stop_requests, say)});
    progress.end(0);
    for (const auto& row : models.back().rows) good = good && row.difference.empty();
    samples += models.back().rows.front().samples;
  }
  print_table(all, models);
  std::cout << fmt::format(
      "{} samples a row; vectors of {}; {}\n", samples, kernels::vector_target(),
      good ? "tokens and log-probabilities are the same, bit for bit" : "not all is equal");
  if (!kernels::fused_multiply_add()) {
    std::cout << "This machine has no fused multiply-add: results are the same here in all of "
                 "these ways, but other machines may give others.\n";
  }
  return good ? 0 : 1;
}

}  // namespace

void add_verify_command(CLI::App& app, CommandContext& context) {
  const auto arguments = std::make_shared<VerifyArguments>();
  auto* command = app.add_subcommand(
      "verify", "Shows that an experiment's results do not depend on how they are computed");
  add_config_options(*command, *arguments);
  command->get_option("--limit")->description(
      fmt::format("Only the first N test examples of each task; {} by default", kDefaultLimit));
  command->add_option("--db", arguments->database,
                      "Models are taken from beside this database, or trained there; by default "
                      "the experiment's name with .db, here");
  command->callback([&context, arguments] { context.exit_code = verify(context, *arguments); });
}

}  // namespace trellis::experiments
