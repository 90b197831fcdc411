#include <fmt/format.h>

#include <iostream>

#include "core/text/json.hpp"
#include "experiments/commands/commands.hpp"
#include "experiments/config.hpp"

namespace trellis::experiments {
namespace {

using plugin::Kind;

constexpr std::array kKinds = {Kind::model, Kind::strategy, Kind::logits_processor, Kind::task};

void list(const plugin::Registry& registry) {
  for (const auto kind : kKinds) {
    for (const auto& id : registry.ids(kind)) {
      const auto& description = registry.get(kind, id);
      std::cout << fmt::format("{:<17} {:<27} {:<8} {}\n", to_string(kind), id, description.version,
                               description.summary);
    }
  }
  for (const auto& file : registry.files()) {
    if (file.problem.empty()) continue;
    std::cerr << fmt::format(
        "{}: {}\n", (file.library.empty() ? file.manifest : file.library).string(), file.problem);
  }
}

/// For programs: every plugin's own description, and the keys of [experiment] in the same form.
void list_json(const plugin::Registry& registry) {
  auto plugins = nlohmann::json::array();
  for (const auto kind : kKinds) {
    for (const auto& id : registry.ids(kind)) plugins.push_back(registry.get(kind, id).json);
  }
  const nlohmann::json all = {{"experiment", experiment_description()},
                              {"plugins", std::move(plugins)}};
  std::cout << write_json(all) << '\n';
}

std::string range_of(const plugin::Setting& setting) {
  std::string text;
  if (!setting.choices.empty())
    text += fmt::format(", one of {}", fmt::join(setting.choices, ", "));
  if (setting.minimum) text += fmt::format(", at least {}", *setting.minimum);
  if (setting.exclusive_minimum) text += fmt::format(", above {}", *setting.exclusive_minimum);
  if (setting.maximum) text += fmt::format(", at most {}", *setting.maximum);
  if (setting.exclusive_maximum) text += fmt::format(", below {}", *setting.exclusive_maximum);
  if (!setting.divides.empty()) text += fmt::format(", must divide {}", setting.divides);
  if (!setting.at_most.empty()) text += fmt::format(", at most {}", setting.at_most);
  return text;
}

void show_one(const plugin::Description& description) {
  std::cout << fmt::format("{} {} {}\n  {}\n", to_string(description.kind), description.id,
                           description.version, description.summary);
  const auto formula = description.json.value("formula", "");
  if (!formula.empty()) std::cout << "  " << formula << '\n';
  if (!description.reference.empty()) std::cout << "  " << description.reference << '\n';
  for (const auto& metric : description.json.value("metrics", nlohmann::json::array())) {
    std::cout << fmt::format("  metric {}: {}\n", metric.at("name").get<std::string>(),
                             metric.value("summary", ""));
  }
  std::string group;
  for (const auto& setting : description.settings) {
    if (setting.group != group) {
      group = setting.group;
      std::cout << fmt::format("  [{}]\n", group);
    }
    const auto given = setting.default_value.is_null()
                           ? std::string("must be given")
                           : fmt::format("default {}", setting.default_value.dump());
    std::cout << fmt::format("  {}: {}, {}{}\n      {}\n", setting.name, to_string(setting.type),
                             given, range_of(setting), setting.summary);
  }
}

int show(const plugin::Registry& registry, const std::string& id) {
  bool found = false;
  std::vector<std::string> known;
  for (const auto kind : kKinds) {
    for (const auto& candidate : registry.ids(kind)) known.push_back(candidate);
    if (const auto* description = registry.find(kind, id)) {
      show_one(*description);
      found = true;
    }
  }
  if (found) return 0;
  const auto near = plugin::nearest_name(id, known);
  throw Error(Fault::usage,
              near ? fmt::format("no plugin \"{}\"; did you mean \"{}\"?", id, *near)
                   : fmt::format("no plugin \"{}\"; there are: {}", id, fmt::join(known, ", ")));
}

// Opens every library: the manifest must say what the library says.
int check(plugin::Registry& registry) {
  int problems = 0;
  for (const auto& file : registry.files()) {
    const auto name = (file.library.empty() ? file.manifest : file.library).string();
    const auto lines = registry.check(file);
    if (lines.empty()) std::cout << name << ": all is well\n";
    for (const auto& line : lines) {
      std::cout << fmt::format("{}: {}\n", name, line);
      ++problems;
    }
  }
  return problems == 0 ? 0 : 1;
}

}  // namespace

void add_plugins_command(CLI::App& app, CommandContext& context) {
  auto* command = app.add_subcommand("plugins", "Lists, explains and checks plugins");
  command->require_subcommand(1);
  command->fallthrough();
  auto* list_command = command->add_subcommand("list", "All that can be named in a config");
  const auto as_json = std::make_shared<bool>(false);
  list_command->add_flag("--json", *as_json,
                         "Every plugin's own description with its settings, as one JSON object");
  list_command->callback([&context, as_json] {
    const auto registry = context.make_registry();
    *as_json ? list_json(registry) : list(registry);
  });
  auto* show_command = command->add_subcommand("show", "One plugin with its settings");
  const auto id = std::make_shared<std::string>();
  show_command->add_option("id", *id, "Its name in configs")->required();
  show_command->callback(
      [&context, id] { context.exit_code = show(context.make_registry(), *id); });
  command->add_subcommand("check", "Opens every library and compares it with its manifest")
      ->callback([&context] {
        auto registry = context.make_registry();
        context.exit_code = check(registry);
      });
}

}  // namespace trellis::experiments
