#include "experiments/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <typeindex>

#include "core/text/lines.hpp"
#include "experiments/config_checks.hpp"
#include "experiments/config_document.hpp"
#include "experiments/config_values.hpp"
#include "experiments/config_words.hpp"

namespace trellis::experiments {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using plugin::Kind;

// Reads one config; every function notes mistakes and goes on.
class ConfigReader {
 public:
  ConfigReader(Config& config, const plugin::Registry& registry, const Environment& environment)
      : config_(config),
        registry_(registry),
        problems_(config.path),
        values_(config.path, environment, problems_) {}

  void read(const toml::table& document) {
    for (const auto& [key, node] : document) {
      static const std::vector<std::string> kKnown = {"experiment", "model", "strategy", "task",
                                                      "words"};
      if (std::find(kKnown.begin(), kKnown.end(), key.str()) == kKnown.end()) {
        problems_.add({key.source().begin.line, key.source().begin.column},
                      unknown_key(key.str(), "a config", kKnown));
      }
    }
    read_experiment(document);
    // Tasks first: models and strategies name them.
    for_each_table(document, "task", [&](const auto& table) { read_task(table); });
    for_each_table(document, "model", [&](const auto& table) { read_model(table); });
    for_each_table(document, "strategy", [&](const auto& table) { read_strategy(table); });
    if (document.contains("words")) {
      for_each_table(document, "words", [&](const auto& table) {
        read_words(table, values_, problems_, config_.words);
      });
    }
    check_together(config_, registry_, problems_);
    problems_.throw_if_any();
  }

 private:
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

  void read_experiment(const toml::table& document) {
    const auto* table = document["experiment"].as_table();
    if (table == nullptr) {
      problems_.add({1, 1}, "needs a table [experiment] with a name");
      return;
    }
    json given = json::object();
    for (const auto& entry : entries_of(*table, problems_)) {
      if (entry.key == "seed") {
        const auto* setting = find_setting(experiment_settings(), entry.key);
        for (const auto& seed : values_.values_of(entry, *setting)) {
          config_.seeds.push_back(seed.get<std::uint64_t>());
        }
        continue;
      }
      const auto* setting = find_setting(experiment_settings(), entry.key);
      if (setting == nullptr) {
        problems_.add(entry.position,
                      unknown_key(entry.key, "[experiment]", names_of(experiment_settings())));
      } else if (auto value = values_.check(*setting, entry.value, entry.position)) {
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
    std::vector<std::string> models;
    std::vector<Entry> rest;
  };

  Head read_head(const toml::table& table, Kind kind, bool names_tasks) {
    Head head;
    const auto place_of_table = position_of(table);
    for (auto& entry : entries_of(table, problems_)) {
      if (entry.key == "plugin") {
        head.plugin = values_.text_of(entry);
        try {
          if (!head.plugin.empty()) head.description = &registry_.get(kind, head.plugin);
        } catch (const Error& error) {
          problems_.add(entry.position, error.what());
        }
      } else if (entry.key == "label") {
        head.label = values_.text_of(entry);
      } else if (entry.key == "tasks" && names_tasks) {
        head.tasks = names_in(entry, "task", task_names());
      } else if (entry.key == "models" && kind == Kind::strategy) {
        head.models = names_in(entry, "model", model_names());
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

  std::vector<std::string> task_names() const {
    std::vector<std::string> names;
    for (const auto& task : config_.tasks) names.push_back(task.label);
    return names;
  }

  // Labels and plugins, also of those that were left out.
  std::vector<std::string> model_names() const {
    std::vector<std::string> names = left_out_;
    for (const auto& model : config_.models) {
      for (const auto& name : {model.label, model.plugin}) {
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
      }
    }
    return names;
  }

  // What `entry` lists, which must be among the known.
  std::vector<std::string> names_in(const Entry& entry, const char* kind,
                                    const std::vector<std::string>& known) {
    std::vector<std::string> names;
    const auto list = entry.value.is_array() ? entry.value : json::array({entry.value});
    if (list.empty()) {
      problems_.add(entry.position, entry.key + ": an empty list; leave it out for all");
    }
    for (const auto& each : list) {
      const auto name = each.is_string() ? each.get<std::string>() : each.dump();
      if (std::find(known.begin(), known.end(), name) != known.end()) {
        names.push_back(name);
        continue;
      }
      const auto near = plugin::nearest_name(name, known);
      problems_.add(entry.position, near ? fmt::format("{}: no {} \"{}\"; did you mean \"{}\"?",
                                                       entry.key, kind, name, *near)
                                         : fmt::format("{}: no {} \"{}\"; there are: {}", entry.key,
                                                       kind, name, fmt::join(known, ", ")));
    }
    return names;
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
    const auto settings = values_.own_settings(head.rest, *head.description, {"label", "plugin"});
    std::map<std::string, Position> places;
    for (const auto& entry : head.rest) places[entry.key] = entry.position;
    const auto before = problems_.count();
    for (const auto& combination : values_.combinations_of(settings, position)) {
      add_labelled(
          config_.tasks,
          TaskSpec{(head.label.empty() ? head.plugin : head.label) + combination.label(false),
                   head.plugin,
                   values_.complete(head.description->settings, combination, "", position),
                   position, places});
      if (problems_.count() != before) return;
    }
  }

  void read_model(const toml::table& table) {
    auto head = read_head(table, Kind::model, true);
    if (head.description == nullptr) return;
    const auto position = position_of(table);
    ModelSpec common;
    common.position = position;
    for (const auto& entry : head.rest) common.places[entry.key] = entry.position;
    read_strategy_names(head.rest, common.strategies);
    const bool optional = read_optional(head.rest);
    const auto before_weights = problems_.count();
    if (!read_weights(head, optional, common.weights)) return;
    read_task_settings(head, common.task_settings);
    check_beginning(head, !common.weights.empty() || problems_.count() != before_weights);
    const auto settings = values_.own_settings(
        head.rest, *head.description,
        {"label", "plugin", "tasks", "strategies", "weights", "optional", "task_settings"});
    const auto before = problems_.count();
    for (const auto& combination : values_.combinations_of(settings, position)) {
      ModelSpec spec = common;
      spec.label = (head.label.empty() ? head.plugin : head.label) + combination.label(false);
      spec.plugin = head.plugin;
      spec.settings = values_.complete(head.description->settings, combination, "", position);
      spec.tasks = head.tasks;
      add_labelled(config_.models, std::move(spec));
      if (problems_.count() != before) return;
    }
  }

  static void read_strategy_names(std::vector<Entry>& entries, std::vector<std::string>& names) {
    const auto entry = take_entry(entries, "strategies");
    if (!entry) return;
    for (const auto& name : entry->value.is_array() ? entry->value : json::array({entry->value})) {
      names.push_back(name.is_string() ? name.get<std::string>() : name.dump());
    }
  }

  bool read_optional(std::vector<Entry>& entries) {
    const auto entry = take_entry(entries, "optional");
    if (!entry) return false;
    if (!entry->value.is_boolean())
      problems_.add(entry->position, "optional: must be true or false");
    return entry->value == true;
  }

  // False when the weights are not there and the experiment goes on without the model.
  bool read_weights(Head& head, bool optional, fs::path& weights) {
    const auto entry = take_entry(head.rest, "weights");
    if (!entry) return true;
    try {
      weights = values_.resolve(values_.text_of(*entry));
    } catch (const Error& error) {
      const auto message = fmt::format("weights = {}", error.what());
      if (optional) {
        left_out_.push_back(head.label.empty() ? head.plugin : head.label);
        config_.notes.push_back(fmt::format("{}: {}; the model {} is left out",
                                            place(config_.path, entry->position), message,
                                            left_out_.back()));
        return false;
      }
      problems_.add(entry->position, message);
    }
    return true;
  }

  // `task_settings = {prompt = "...", shots = 3}`: what a model is shown, and nothing else, may
  // differ from what the others are asked.
  void read_task_settings(Head& head, json& settings) {
    static const std::vector<std::string> kAllowed = {"prompt", "shots", "shots_file", "stop"};
    const auto entry = take_entry(head.rest, "task_settings");
    if (!entry) return;
    if (!entry->value.is_object()) {
      problems_.add(entry->position, "task_settings: must be a table, as {shots = 3}");
      return;
    }
    for (const auto& inner : entry->entries) {
      if (std::find(kAllowed.begin(), kAllowed.end(), inner.key) == kAllowed.end()) {
        problems_.add(inner.position, unknown_key(inner.key, "task_settings", kAllowed));
        continue;
      }
      for (const auto& task : config_.tasks) {
        if (std::find(head.tasks.begin(), head.tasks.end(), task.label) == head.tasks.end())
          continue;
        const auto* setting =
            find_setting(registry_.get(Kind::task, task.plugin).settings, inner.key);
        if (setting == nullptr) {
          problems_.add(inner.position, fmt::format("task_settings: the task {} has no setting {}",
                                                    task.label, inner.key));
        } else if (auto value = values_.check(*setting, inner.value, inner.position)) {
          settings[inner.key] = *value;
        }
      }
    }
  }

  // A model that begins at another has that one's architecture and vocabulary.
  void check_beginning(const Head& head, bool has_weights) {
    const auto begins = std::find_if(head.rest.begin(), head.rest.end(), [&](const Entry& entry) {
      const auto* setting = find_setting(head.description->settings, entry.key);
      return setting != nullptr && setting->format == "model";
    });
    if (begins == head.rest.end()) return;
    if (has_weights) {
      problems_.add(begins->position,
                    fmt::format("{}: a model with `weights` is not trained; leave "
                                "one of the two out",
                                begins->key));
    }
    for (const auto& entry : head.rest) {
      const auto* setting = find_setting(head.description->settings, entry.key);
      if (setting == nullptr) continue;
      if (setting->group != "architecture" && setting->group != "tokenizer") continue;
      problems_.add(entry.position, fmt::format("{}: is that of the model in {}; leave it out",
                                                entry.key, begins->key));
    }
  }

  void read_strategy(const toml::table& table) {
    const auto head = read_head(table, Kind::strategy, true);
    if (head.description == nullptr) return;
    const auto position = position_of(table);
    std::vector<std::string> processors;
    const auto settings = strategy_settings(head, processors);
    std::map<std::string, Position> places;
    for (const auto& entry : head.rest) {
      const auto* setting = find_setting(head.description->settings, entry.key);
      if (setting != nullptr && setting->format == "model") places[entry.key] = entry.position;
    }
    const auto before = problems_.count();
    for (const auto& combination : values_.combinations_of(settings, position)) {
      StrategySpec spec;
      spec.position = position;
      spec.plugin = head.plugin;
      spec.tasks = head.tasks;
      spec.models = head.models;
      spec.places = places;
      spec.label = head.label.empty() ? head.plugin + combination.label(true)
                                      : head.label + combination.label(false);
      spec.settings = values_.complete(head.description->settings, combination, "", spec.position);
      if (is_left_out(*head.description, spec)) continue;
      for (const auto& id : processors) {
        const auto& description = registry_.get(Kind::logits_processor, id);
        spec.processors.push_back(
            {id, values_.complete(description.settings, combination, id, spec.position)});
      }
      add_labelled(config_.strategies, std::move(spec));
      if (problems_.count() != before) return;
    }
  }

  // Whether it would be lent a model that was left out; a line says so.
  bool is_left_out(const plugin::Description& description, const StrategySpec& spec) {
    for (const auto& setting : description.settings) {
      if (setting.format != "model") continue;
      const auto name = spec.settings.value(setting.name, std::string());
      if (std::find(left_out_.begin(), left_out_.end(), name) == left_out_.end()) continue;
      config_.notes.push_back(fmt::format("{}: {} = \"{}\": the strategy {} is left out with it",
                                          place(config_.path, spec.places.at(setting.name)),
                                          setting.name, name, spec.label));
      return true;
    }
    return false;
  }

  // A key is one of the strategy's settings or a processor.
  std::vector<SweptSetting> strategy_settings(const Head& head,
                                              std::vector<std::string>& processors) {
    std::vector<SweptSetting> all;
    for (const auto& entry : head.rest) {
      if (const auto* setting = find_setting(head.description->settings, entry.key)) {
        values_.add_own(all, entry, *setting);
        continue;
      }
      const auto* description = registry_.find(Kind::logits_processor, entry.key);
      if (description == nullptr) {
        auto known = names_of(head.description->settings);
        for (const auto& id : registry_.ids(Kind::logits_processor)) known.push_back(id);
        known.insert(known.end(), {"label", "models", "plugin", "tasks"});
        problems_.add(entry.position, unknown_key(entry.key, head.plugin, known));
        continue;
      }
      processors.push_back(entry.key);
      values_.add_processor(all, entry, *description);
    }
    return all;
  }

  Config& config_;
  const plugin::Registry& registry_;
  Problems problems_;
  ValueReader values_;
  std::vector<std::string> left_out_;                         // labels of models
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
