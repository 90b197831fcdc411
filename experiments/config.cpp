#include "experiments/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <typeindex>

#include "core/text/lines.hpp"
#include "experiments/config_document.hpp"
#include "experiments/sweep.hpp"

namespace trellis::experiments {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using plugin::Kind;

constexpr double kMostTrials = 1e6;

// Reads one config; every function notes mistakes and goes on.
class ConfigReader {
 public:
  ConfigReader(Config& config, const plugin::Registry& registry, const Environment& environment)
      : config_(config), registry_(registry), environment_(environment), problems_(config.path) {}

  void read(const toml::table& document) {
    for (const auto& [key, node] : document) {
      static const std::vector<std::string> kKnown = {"experiment", "model", "strategy", "task"};
      if (std::find(kKnown.begin(), kKnown.end(), key.str()) == kKnown.end()) {
        problems_.add({key.source().begin.line, key.source().begin.column},
                      unknown(key.str(), kKnown));
      }
    }
    read_experiment(document);
    // Tasks first: models and strategies name them.
    for_each_table(document, "task", [&](const auto& table) { read_task(table); });
    for_each_table(document, "model", [&](const auto& table) { read_model(table); });
    for_each_table(document, "strategy", [&](const auto& table) { read_strategy(table); });
    check_size();
    problems_.throw_if_any();
  }

 private:
  static std::string unknown(std::string_view key, const std::vector<std::string>& known) {
    const auto near = plugin::nearest_name(key, known);
    if (near) return fmt::format("{}: unknown key; did you mean {}?", key, *near);
    return fmt::format("{}: unknown key; there are: {}", key, fmt::join(known, ", "));
  }

  template <typename Visit>
  void for_each_table(const toml::table& document, const char* name, Visit&& visit) {
    const auto* node = document.get(name);
    if (node == nullptr || !node->is_array() || node->as_array()->empty() ||
        !node->as_array()->is_homogeneous(toml::node_type::table)) {
      problems_.add(node != nullptr ? position_of(*node) : Position{1, 1},
                    fmt::format("needs at least one [[{}]]", name));
      return;
    }
    for (const auto& element : *node->as_array()) visit(*element.as_table());
  }

  void check_size() {
    double trials = 1;
    for (const auto count : {config_.seeds.size(), config_.tasks.size(), config_.models.size(),
                             config_.strategies.size()}) {
      trials *= static_cast<double>(count);
    }
    if (trials > kMostTrials) {
      problems_.add({1, 1},
                    fmt::format("seeds × tasks × models × strategies make {:.0f} trials, at "
                                "most {:.0f} fit one experiment; split it",
                                trials, kMostTrials));
    }
  }

  void read_experiment(const toml::table& document) {
    const auto* table = document["experiment"].as_table();
    if (table == nullptr) {
      problems_.add({1, 1}, "needs a table [experiment] with a name");
      return;
    }
    json given = json::object();
    for (const auto& entry : entries_of(*table, problems_)) {
      if (entry.key == "seed") {
        for (const auto& seed : values_of(entry, find_setting(experiment_settings(), "seed"))) {
          config_.seeds.push_back(seed.get<std::uint64_t>());
        }
        continue;
      }
      const auto* setting = find_setting(experiment_settings(), entry.key);
      if (setting == nullptr) {
        problems_.add(entry.position, unknown(entry.key, names_of(experiment_settings())));
      } else if (auto value = check(*setting, entry.value, entry.position)) {
        given[entry.key] = *value;
      }
    }
    try {
      config_.options =
          read_experiment_options(plugin::complete_settings(experiment_settings(), given));
      if (config_.options.name.empty()) {
        problems_.add(position_of(*table), "name: must not be empty");
      }
    } catch (const plugin::SettingError& error) {
      problems_.add(position_of(*table), error.what());
    }
    if (config_.seeds.empty()) config_.seeds.push_back(1);
    config_.options.seed = static_cast<std::int64_t>(config_.seeds.front());
    if (std::set(config_.seeds.begin(), config_.seeds.end()).size() != config_.seeds.size()) {
      problems_.add(position_of(*table), "seed: the same seed is given twice");
    }
  }

  // What every entry has: a plugin, perhaps a label and tasks.
  struct Head {
    const plugin::Description* description = nullptr;
    std::string plugin;
    std::string label;
    std::vector<std::string> tasks;
    std::vector<Entry> rest;
  };

  Head read_head(const toml::table& table, Kind kind, bool names_tasks) {
    Head head;
    const auto place_of_table = position_of(table);
    for (auto& entry : entries_of(table, problems_)) {
      if (entry.key == "plugin") {
        head.plugin = text_of(entry);
        try {
          if (!head.plugin.empty()) head.description = &registry_.get(kind, head.plugin);
        } catch (const Error& error) {
          problems_.add(entry.position, error.what());
        }
      } else if (entry.key == "label") {
        head.label = text_of(entry);
      } else if (entry.key == "tasks" && names_tasks) {
        head.tasks = task_labels(entry);
      } else {
        head.rest.push_back(std::move(entry));
      }
    }
    if (head.plugin.empty()) problems_.add(place_of_table, "plugin: must be given");
    if (head.tasks.empty()) {
      for (const auto& task : config_.tasks) head.tasks.push_back(task.label);
    }
    return head;
  }

  std::string text_of(const Entry& entry) {
    if (entry.value.is_string() && !entry.value.get_ref<const std::string&>().empty()) {
      return entry.value.get<std::string>();
    }
    problems_.add(entry.position, fmt::format("{}: must be a text", entry.key));
    return {};
  }

  std::vector<std::string> task_labels(const Entry& entry) {
    std::vector<std::string> known;
    for (const auto& task : config_.tasks) known.push_back(task.label);
    std::vector<std::string> labels;
    const auto list = entry.value.is_array() ? entry.value : json::array({entry.value});
    if (list.empty()) problems_.add(entry.position, "tasks: an empty list; leave it out for all");
    for (const auto& label : list) {
      const auto name = label.is_string() ? label.get<std::string>() : label.dump();
      if (std::find(known.begin(), known.end(), name) != known.end()) {
        labels.push_back(name);
        continue;
      }
      const auto near = plugin::nearest_name(name, known);
      problems_.add(
          entry.position,
          near ? fmt::format("tasks: no task \"{}\"; did you mean \"{}\"?", name, *near)
               : fmt::format("tasks: no task \"{}\"; there are: {}", name, fmt::join(known, ", ")));
    }
    return labels;
  }

  static const plugin::Setting* find_setting(const plugin::Settings& settings,
                                             std::string_view name) {
    const auto found = std::find_if(settings.begin(), settings.end(),
                                    [&](const auto& setting) { return setting.name == name; });
    return found == settings.end() ? nullptr : &*found;
  }

  static std::vector<std::string> names_of(const plugin::Settings& settings) {
    std::vector<std::string> names;
    for (const auto& setting : settings) names.push_back(setting.name);
    return names;
  }

  // `before`: what the message begins with, where the key is not the setting's own name.
  std::optional<json> check(const plugin::Setting& setting, const json& value, Position position,
                            const std::string& before = "") {
    try {
      json checked = plugin::check_setting(setting, value);
      if (setting.format == "path") checked = resolve(checked.get<std::string>());
      return checked;
    } catch (const Error& error) {
      problems_.add(position, before + error.what());
      return std::nullopt;
    }
  }

  // ${NAME} is replaced; relative names are relative to the config.
  std::string resolve(const std::string& written) {
    std::string path;
    for (std::size_t i = 0; i < written.size();) {
      const auto end = written.find('}', i);
      if (written.compare(i, 2, "${") == 0 && end != std::string::npos) {
        const auto name = written.substr(i + 2, end - i - 2);
        const auto value = environment_(name);
        if (!value) {
          throw Error(Fault::usage,
                      fmt::format("\"{}\": the environment variable {} is not set", written, name));
        }
        path += *value;
        i = end + 1;
      } else {
        path += written[i++];
      }
    }
    if (path.empty()) return path;
    const auto absolute = fs::absolute(config_.path).parent_path() / path;
    if (!fs::exists(absolute)) {
      throw Error(Fault::usage, fmt::format("\"{}\": there is no such file or folder", written));
    }
    return absolute.lexically_normal().string();
  }

  // All values that an entry gives a setting in turn.
  std::vector<json> values_of(const Entry& entry, const plugin::Setting* setting) {
    std::vector<json> given;
    const bool list_setting = setting->type == plugin::SettingType::list;
    const bool list_of_lists =
        entry.value.is_array() && !entry.value.empty() && entry.value.front().is_array();
    if (entry.value.is_array() && (!list_setting || list_of_lists)) {
      given.assign(entry.value.begin(), entry.value.end());
      if (given.empty()) {
        problems_.add(entry.position,
                      fmt::format("{}: an empty list; give at least one value", entry.key));
      }
    } else if (is_range(entry.value)) {
      try {
        given = range_values(entry.value);
      } catch (const Error& error) {
        problems_.add(entry.position, fmt::format("{}: {}", entry.key, error.what()));
      }
    } else {
      given.push_back(entry.value);
    }
    std::vector<json> values;
    std::set<json> seen;
    for (const auto& value : given) {
      auto checked = check(*setting, value, entry.position,
                           entry.key == setting->name ? "" : entry.key + ": ");
      if (!checked) break;
      if (!seen.insert(*checked).second) {
        problems_.add(entry.position,
                      fmt::format("{}: {} is given twice", entry.key, checked->dump()));
      }
      values.push_back(std::move(*checked));
    }
    return values;
  }

  void add_setting(std::vector<SweptSetting>& all, const Entry& entry,
                   const plugin::Setting& setting, const std::string& owner,
                   const std::string& shown) {
    auto values = values_of(entry, &setting);
    const bool swept = values.size() > 1;
    if (!values.empty()) all.push_back({owner, setting.name, shown, std::move(values), swept});
  }

  std::vector<SweptSetting> own_settings(const Head& head,
                                         const std::vector<std::string>& other_keys) {
    std::vector<SweptSetting> all;
    for (const auto& entry : head.rest) {
      if (const auto* setting = find_setting(head.description->settings, entry.key)) {
        add_setting(all, entry, *setting, "", entry.key);
      } else {
        auto known = names_of(head.description->settings);
        known.insert(known.end(), other_keys.begin(), other_keys.end());
        problems_.add(entry.position, unknown(entry.key, known));
      }
    }
    return all;
  }

  json complete(const plugin::Settings& settings, const Combination& combination,
                const std::string& owner, Position position) {
    json given = json::object();
    for (const auto& [setting, value] : combination.values) {
      if (setting->owner == owner) given[setting->name] = value;
    }
    try {
      return plugin::complete_settings(settings, given);
    } catch (const Error& error) {
      problems_.add(position, error.what());
      return given;
    }
  }

  std::vector<Combination> combinations_of(const std::vector<SweptSetting>& settings,
                                           Position position) {
    try {
      return combinations(settings);
    } catch (const Error& error) {
      problems_.add(position, error.what());
      return {};
    }
  }

  template <typename Spec>
  void add_labelled(std::vector<Spec>& specs, Spec spec) {
    if (!labels_.insert({typeid(Spec), spec.label}).second) {
      problems_.add(spec.position,
                    fmt::format("the label \"{}\" is used twice; give one of them another `label`",
                                spec.label));
      return;
    }
    specs.push_back(std::move(spec));
  }

  void read_task(const toml::table& table) {
    const auto head = read_head(table, Kind::task, false);
    if (head.description == nullptr) return;
    const auto position = position_of(table);
    const auto settings = own_settings(head, {"label", "plugin"});
    const auto before = problems_.count();
    for (const auto& combination : combinations_of(settings, position)) {
      add_labelled(
          config_.tasks,
          TaskSpec{(head.label.empty() ? head.plugin : head.label) + combination.label(false),
                   head.plugin, complete(head.description->settings, combination, "", position),
                   position});
      if (problems_.count() != before) return;
    }
  }

  void read_model(const toml::table& table) {
    auto head = read_head(table, Kind::model, true);
    if (head.description == nullptr) return;
    const auto position = position_of(table);
    fs::path weights;
    std::erase_if(head.rest, [&](const Entry& entry) {
      if (entry.key != "weights") return false;
      try {
        weights = resolve(text_of(entry));
      } catch (const Error& error) {
        problems_.add(entry.position, fmt::format("weights = {}", error.what()));
      }
      return true;
    });
    const auto settings = own_settings(head, {"label", "plugin", "tasks", "weights"});
    const auto before = problems_.count();
    for (const auto& combination : combinations_of(settings, position)) {
      add_labelled(
          config_.models,
          ModelSpec{(head.label.empty() ? head.plugin : head.label) + combination.label(false),
                    head.plugin, complete(head.description->settings, combination, "", position),
                    weights, head.tasks, position});
      if (problems_.count() != before) return;
    }
  }

  void read_strategy(const toml::table& table) {
    const auto head = read_head(table, Kind::strategy, true);
    if (head.description == nullptr) return;
    const auto position = position_of(table);
    std::vector<std::string> processors;
    const auto settings = strategy_settings(head, processors);
    const auto before = problems_.count();
    for (const auto& combination : combinations_of(settings, position)) {
      StrategySpec spec;
      spec.position = position;
      spec.plugin = head.plugin;
      spec.tasks = head.tasks;
      spec.label = head.label.empty() ? head.plugin + combination.label(true)
                                      : head.label + combination.label(false);
      spec.settings = complete(head.description->settings, combination, "", spec.position);
      for (const auto& id : processors) {
        const auto& description = registry_.get(Kind::logits_processor, id);
        spec.processors.push_back(
            {id, complete(description.settings, combination, id, spec.position)});
      }
      add_labelled(config_.strategies, std::move(spec));
      if (problems_.count() != before) return;
    }
  }

  // A key is one of the strategy's settings or a processor: `top_p = 0.9` gives its primary
  // setting, `typical = {mass = 0.9, min_tokens_to_keep = 2}` several.
  std::vector<SweptSetting> strategy_settings(const Head& head,
                                              std::vector<std::string>& processors) {
    std::vector<SweptSetting> all;
    for (const auto& entry : head.rest) {
      if (const auto* setting = find_setting(head.description->settings, entry.key)) {
        add_setting(all, entry, *setting, "", entry.key);
        continue;
      }
      const auto* description = registry_.find(Kind::logits_processor, entry.key);
      if (description == nullptr) {
        auto known = names_of(head.description->settings);
        for (const auto& id : registry_.ids(Kind::logits_processor)) known.push_back(id);
        known.insert(known.end(), {"label", "plugin", "tasks"});
        problems_.add(entry.position, unknown(entry.key, known));
        continue;
      }
      processors.push_back(entry.key);
      if (entry.value.is_object() && !is_range(entry.value)) {
        add_processor_table(all, entry, *description);
      } else {
        add_primary(all, entry, *description);
      }
    }
    return all;
  }

  void add_primary(std::vector<SweptSetting>& all, const Entry& entry,
                   const plugin::Description& processor) {
    const auto name = processor.json.value("primary", "");
    const auto* setting = find_setting(processor.settings, name);
    if (setting == nullptr) {
      problems_.add(entry.position, fmt::format("{}: give its settings in a table: {}", entry.key,
                                                fmt::join(names_of(processor.settings), ", ")));
      return;
    }
    add_setting(all, entry, *setting, entry.key, entry.key);
  }

  void add_processor_table(std::vector<SweptSetting>& all, const Entry& entry,
                           const plugin::Description& processor) {
    for (const auto& inner : entry.entries) {
      const auto* setting = find_setting(processor.settings, inner.key);
      if (setting == nullptr) {
        problems_.add(inner.position, unknown(inner.key, names_of(processor.settings)));
      } else {
        const bool primary = inner.key == processor.json.value("primary", "");
        add_setting(all, inner, *setting, entry.key,
                    primary ? entry.key : entry.key + "." + inner.key);
      }
    }
  }

  Config& config_;
  const plugin::Registry& registry_;
  const Environment& environment_;
  Problems problems_;
  std::set<std::pair<std::type_index, std::string>> labels_;  // of each kind
};

}  // namespace

Config read_config(const fs::path& path, const std::vector<std::string>& overrides,
                   const plugin::Registry& registry, const Environment& environment) {
  Config config;
  config.path = path;
  try {
    config.text = text::read_text(path);
  } catch (const Error& error) {
    // To its reader a config that is no text is a wrong config, not damaged data.
    throw Error(error.fault() == Fault::bad_data ? Fault::usage : error.fault(), error.what());
  }
  auto document = parse_document(path, config.text);
  for (const auto& override_text : overrides) apply_override(document, override_text);
  ConfigReader(config, registry, environment).read(document);
  return config;
}

}  // namespace trellis::experiments
