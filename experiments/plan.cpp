#include "experiments/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "experiments/config_checks.hpp"
#include "experiments/content_hash.hpp"
#include "experiments/trial_metrics.hpp"

namespace trellis::experiments {
namespace {

using nlohmann::json;
using plugin::Kind;

// Plugins mark the settings that neither choose nor change training data by this group, so that a
// new test file does not train models anew.
constexpr std::string_view kEvaluation = "evaluation";

class Planner {
 public:
  Planner(const Config& config, const plugin::Registry& registry,
          const std::vector<TaskFacts>& facts, const std::filesystem::path& models_folder,
          const HashPath& hash_path, const KnownModels& known)
      : config_(config),
        registry_(registry),
        facts_(facts),
        models_folder_(models_folder),
        hash_path_(hash_path),
        known_(known) {}

  Plan plan() {
    plan_.experiment = {config_.options.name, config_.path.string(), config_.text,
                        config_.seeds.front(), json()};
    for (std::size_t i = 0; i < config_.tasks.size(); ++i) add_task(i);
    for (const auto& strategy : config_.strategies) arms_.push_back(describe(strategy));
    // All models first: a strategy may be lent one that stands below its own.
    for_each_pair([&](const ModelSpec& spec, std::size_t task, std::uint64_t seed) {
      model_of_pair_.push_back(add_model(spec, task, seed));
    });
    std::size_t pair = 0;
    for_each_pair([&](const ModelSpec& spec, std::size_t task, std::uint64_t seed) {
      add_trials(spec, model_of_pair_[pair++], task, seed);
    });
    require_trials_of_drafts();
    return std::move(plan_);
  }

 private:
  // A strategy as it enters ids and the database.
  struct ArmDescription {
    const StrategySpec* spec;
    json identity;
    bool stochastic;
    std::string draft_setting;  // that names the model lent to it; empty: none is
    bool has_trials = false;
  };

  template <typename Visit>
  void for_each_pair(const Visit& visit) const {
    for (const auto seed : config_.seeds) {
      for (const auto& model : config_.models) {
        for (const auto& task : model.tasks) visit(model, task_index(task), seed);
      }
    }
  }

  std::size_t task_index(const std::string& label) const {
    const auto found = std::find_if(config_.tasks.begin(), config_.tasks.end(),
                                    [&](const auto& task) { return task.label == label; });
    return static_cast<std::size_t>(found - config_.tasks.begin());
  }

  const std::string& hash_of(const std::string& path) {
    auto [found, fresh] = path_hashes_.try_emplace(path);
    if (fresh && !path.empty()) found->second = hash_path_(path);
    return found->second;
  }

  // Settings with the content of files in the place of their names.
  json by_content(const plugin::Settings& schema, const json& settings, bool training_only) {
    json content = json::object();
    for (const auto& setting : schema) {
      if (training_only && setting.group == kEvaluation) continue;
      if (!settings.contains(setting.name)) continue;
      json value = settings.at(setting.name);
      if (!setting.format.empty()) {
        if (value.is_string()) value = hash_of(value.get<std::string>());
        if (value.is_array()) {
          for (auto& path : value) path = hash_of(path.get<std::string>());
        }
      }
      content[setting.name] = std::move(value);
    }
    return content;
  }

  void add_task(std::size_t index) {
    const auto& spec = config_.tasks[index];
    const auto& description = registry_.get(Kind::task, spec.plugin);
    const auto identity = [&](bool training_only) {
      return content_hash(
          json{{"plugin", spec.plugin},
               {"version", description.version},
               {"settings", by_content(description.settings, spec.settings, training_only)}});
    };
    storage::TaskRecord record;
    record.id = identity(false);
    record.label = spec.label;
    record.plugin = spec.plugin;
    record.plugin_version = description.version;
    record.settings = spec.settings;
    record.metrics = metrics_of_task(description.json, spec.settings);
    record.data_hash = identity(true);
    record.test_examples = facts_[index].test;
    record.overlap = overlap_of(facts_[index]);
    plan_.tasks.push_back(std::move(record));
    plan_.task_failures.push_back(facts_[index].failure);
  }

  // Null where nothing was looked for.
  json overlap_of(const TaskFacts& facts) const {
    if (config_.options.contamination_words == 0) return {};
    json examples = json::array();
    for (const auto& run : facts.overlaps) examples.push_back({run.example, run.share});
    return {{"words", config_.options.contamination_words},
            {"comparable", facts.comparable},
            {"examples", std::move(examples)}};
  }

  ArmDescription describe(const StrategySpec& spec) {
    const auto& description = registry_.get(Kind::strategy, spec.plugin);
    bool stochastic = description.json.value("stochastic", false);
    json processors = json::array();
    for (const auto& processor : spec.processors) {
      const auto& chosen = registry_.get(Kind::logits_processor, processor.plugin);
      stochastic = stochastic || chosen.json.value("stochastic", false);
      processors.push_back({{"plugin", processor.plugin},
                            {"version", chosen.version},
                            {"settings", processor.settings}});
    }
    std::string draft_setting;
    for (const auto& setting : description.settings) {
      const bool named = spec.settings.value(setting.name, json()) != json("");
      if (setting.format == "model" && named) draft_setting = setting.name;
    }
    return {&spec,
            {{"plugin", spec.plugin},
             {"version", description.version},
             {"settings", spec.settings},
             {"processors", processors}},
            stochastic,
            draft_setting};
  }

  std::size_t add_model(const ModelSpec& spec, std::size_t task, std::uint64_t seed) {
    const auto& description = registry_.get(Kind::model, spec.plugin);
    PlannedModel model;
    auto& record = model.record;
    record.label = spec.label;
    record.plugin = spec.plugin;
    record.plugin_version = description.version;
    record.settings = spec.settings;
    record.seed = seed;
    model.given = !spec.weights.empty();
    json identity = {{"plugin", spec.plugin}, {"version", description.version}};
    if (!spec.task_settings.empty()) {
      model.task_settings = spec.task_settings;
      const auto& schema = registry_.get(Kind::task, plan_.tasks[task].plugin).settings;
      identity["task_settings"] = by_content(schema, spec.task_settings, false);
    }
    if (model.given) {
      identity["weights"] = hash_of(spec.weights.string());
      model.folder = spec.weights;
      record.seed = 0;
    } else {
      json by_name = spec.settings;
      for (const auto& setting : description.settings) {
        if (setting.format == "model") {
          find_base(spec, task, setting.name, model, by_name, identity);
        }
      }
      identity["settings"] = by_content(description.settings, by_name, false);
      identity["seed"] = seed;
      identity["data"] = plan_.tasks[task].data_hash;
      record.task_label = plan_.tasks[task].label;
      model.training_task = task;
    }
    record.id = content_hash(identity);
    if (!model.given) model.folder = models_folder_ / record.id;
    const auto [found, fresh] = model_places_.try_emplace(record.id, plan_.models.size());
    labels_.emplace(spec.label, found->second);
    if (fresh) plan_.models.push_back(std::move(model));
    return found->second;
  }

  // A name of a model becomes its folder for the plugin, and its id in the identity, which is
  // known before it was trained.
  void find_base(const ModelSpec& spec, std::size_t task, const std::string& setting,
                 PlannedModel& model, json& by_name, json& identity) {
    const auto name = spec.settings.at(setting).get<std::string>();
    if (name.empty() || std::filesystem::path(name).is_absolute()) return;
    const auto base =
        model_of_name(name, spec.label, task, model.record.seed, place_of(spec, setting), setting);
    model.record.settings[setting] = base.folder.string();
    by_name[setting] = base.given ? base.folder.string() : "";
    if (!base.given) identity["begins_at"] = base.id;
    if (!base.given && base.place < plan_.models.size()) model.base = base.place;
  }

  // One of the plan's so far, except those of the label `own`, or else of those known before.
  KnownModel model_of_name(const std::string& name, const std::string& own, std::size_t task,
                           std::uint64_t seed, Position position,
                           const std::string& setting) const {
    const auto& task_label = plan_.tasks[task].label;
    KnownModels planned;
    for (std::size_t i = 0; i < plan_.models.size(); ++i) {
      const auto& model = plan_.models[i];
      const auto& record = model.record;
      const auto& label = labels_.contains({name, i}) ? name : record.label;
      if (label == own) continue;
      planned.push_back(
          {record.id, label, record.task_label, record.seed, model.folder, model.given, i});
    }
    auto meant = meant_by_name(planned, name, task_label, seed);
    if (meant.empty()) {
      meant = meant_by_name(known_, name, task_label, seed);
      for (auto& model : meant) model.place = plan_.models.size();
    }
    if (meant.size() == 1) return meant.front();
    std::string why = fmt::format(
        "is neither a file or folder, nor the label of {}, nor the label or id of one that was "
        "trained beside this database",
        own.empty() ? "a model here" : "a model above");
    if (meant.size() > 1) {
      why = "means several models; give one's id:";
      for (const auto& model : meant) {
        why += fmt::format(" {} ({}, seed {})", model.id, model.task_label, model.seed);
      }
    }
    throw Error(Fault::usage, fmt::format("{}: {} = \"{}\": {}", place(config_.path, position),
                                          setting, name, why));
  }

  // Fills in what the worker is to lend, and in the place of its name what tells it from others.
  // False where the model would be lent to itself.
  bool add_draft(const ArmDescription& arm, PlannedTrial& trial, json& strategy) {
    if (arm.draft_setting.empty()) return true;
    auto& setting = strategy["settings"][arm.draft_setting];
    const auto name = setting.get<std::string>();
    if (std::filesystem::path(name).is_absolute()) {
      trial.draft = {"", name};
      setting = hash_of(name);
      return true;
    }
    const auto draft = model_of_name(name, "", trial.task, trial.record.seed,
                                     place_of(*arm.spec, arm.draft_setting), arm.draft_setting);
    trial.draft = {"", draft.folder.string()};
    if (draft.place < plan_.models.size()) {
      trial.draft.plugin = plan_.models[draft.place].record.plugin;
      if (!draft.given) trial.draft_model = draft.place;
    }
    setting = draft.id;
    return draft.id != trial.record.model_id;
  }

  template <typename Spec>
  static Position place_of(const Spec& spec, const std::string& setting) {
    return spec.places.contains(setting) ? spec.places.at(setting) : spec.position;
  }

  // What else would be a strategy without any result, and nothing would say so.
  void require_trials_of_drafts() const {
    for (const auto& arm : arms_) {
      if (arm.draft_setting.empty() || arm.has_trials) continue;
      throw Error(Fault::usage,
                  fmt::format("{}: {} = \"{}\": a model is not lent to itself, and no other is "
                              "here that the strategy is for",
                              place(config_.path, place_of(*arm.spec, arm.draft_setting)),
                              arm.draft_setting,
                              arm.spec->settings.at(arm.draft_setting).get<std::string>()));
    }
  }

  void add_trials(const ModelSpec& spec, std::size_t model, std::size_t task, std::uint64_t seed) {
    for (auto& arm : arms_) {
      if (runs_on(*arm.spec, spec, plan_.tasks[task].label, registry_)) {
        add_trial(arm, model, task, seed);
      }
    }
  }

  void add_trial(ArmDescription& arm, std::size_t model, std::size_t task, std::uint64_t seed) {
    const auto& options = config_.options;
    const auto limit = static_cast<std::uint64_t>(options.limit);
    const auto all = plan_.tasks[task].test_examples;
    PlannedTrial trial;
    trial.model = model;
    trial.task = task;
    trial.samples = arm.stochastic ? static_cast<std::uint64_t>(options.samples) : 1;
    trial.strategy = {arm.spec->plugin, arm.spec->settings};
    for (const auto& processor : arm.spec->processors) {
      trial.processors.push_back({processor.plugin, processor.settings});
    }
    auto& record = trial.record;
    record.model_id = plan_.models[model].record.id;
    record.task_id = plan_.tasks[task].id;
    record.strategy_label = arm.spec->label;
    record.strategy_plugin = arm.spec->plugin;
    record.strategy = arm.identity;
    record.seed = seed;
    record.expected_samples = (limit > 0 ? std::min(all, limit) : all) * trial.samples;
    json strategy = arm.identity;
    if (!add_draft(arm, trial, strategy)) return;
    arm.has_trials = true;
    json identity = {{"model", record.model_id},
                     {"task", record.task_id},
                     {"strategy", std::move(strategy)},
                     {"seed", seed},
                     {"samples", trial.samples},
                     {"limit", options.limit},
                     {"max_new_tokens", options.max_new_tokens},
                     {"top_alternatives", options.top_alternatives}};
    if (arm.stochastic && options.coupling == "independent") {
      trial.stream = stream_of(arm.identity);
      identity["stream"] = trial.stream;
    }
    record.id = content_hash(identity);
    // The same trial may be reached twice, as when given weights serve two labels.
    if (!trial_places_.try_emplace(record.id, plan_.trials.size()).second) return;
    plan_.models[model].trials.push_back(plan_.trials.size());
    plan_.trials.push_back(std::move(trial));
  }

  const Config& config_;
  const plugin::Registry& registry_;
  const std::vector<TaskFacts>& facts_;
  const std::filesystem::path& models_folder_;
  const HashPath& hash_path_;
  const KnownModels& known_;
  Plan plan_;
  std::vector<ArmDescription> arms_;
  std::vector<std::size_t> model_of_pair_;  // as for_each_pair() visits them
  std::map<std::string, std::string> path_hashes_;
  std::unordered_map<std::string, std::size_t> model_places_;
  std::set<std::pair<std::string, std::size_t>> labels_;  // of models; equal ones have several
  std::unordered_map<std::string, std::size_t> trial_places_;
};

}  // namespace

std::uint64_t stream_of(const nlohmann::json& strategy) {
  return std::stoull(content_hash(strategy).substr(0, 16), nullptr, 16) | 1U;
}

PluginJob Plan::task_for(const PlannedModel& model, std::size_t task) const {
  PluginJob job{tasks[task].plugin, tasks[task].settings};
  if (!model.task_settings.is_null()) job.settings.update(model.task_settings);
  return job;
}

Plan make_plan(const Config& config, const plugin::Registry& registry,
               const std::vector<TaskFacts>& facts, const std::filesystem::path& models_folder,
               const HashPath& hash_path, const KnownModels& known) {
  return Planner(config, registry, facts, models_folder, hash_path, known).plan();
}

}  // namespace trellis::experiments
