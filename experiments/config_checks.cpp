#include "experiments/config_checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/plugin/strategy.hpp"

namespace trellis::experiments {
namespace {

using plugin::Kind;

constexpr double kMostTrials = 1e6;

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Entries name each other by label or plugin, or not at all, which means all.
template <typename Spec>
bool names_it(const std::vector<std::string>& names, const Spec& spec) {
  return names.empty() || contains(names, spec.label) || contains(names, spec.plugin);
}

bool runs_on(const StrategySpec& strategy, const ModelSpec& model,
             const plugin::Registry& registry) {
  return std::any_of(model.tasks.begin(), model.tasks.end(), [&](const std::string& task) {
    return experiments::runs_on(strategy, model, task, registry);
  });
}

// Entries that were left out are not missed where others remain.
bool check_what_is_left(const Config& config, Problems& problems) {
  const char* missing = config.models.empty()       ? "model"
                        : config.strategies.empty() ? "strategy"
                                                    : nullptr;
  if (missing == nullptr) return true;
  if (problems.count() == 0 && !config.notes.empty()) {
    problems.add({1, 1}, fmt::format("no {} is left: {}", missing, config.notes.front()));
  }
  return false;
}

void check_size(const Config& config, Problems& problems) {
  double trials = 1;
  for (const auto count :
       {config.seeds.size(), config.tasks.size(), config.models.size(), config.strategies.size()}) {
    trials *= static_cast<double>(count);
  }
  if (trials > kMostTrials) {
    problems.add({1, 1}, fmt::format("seeds × tasks × models × strategies make {:.0f} trials, at "
                                     "most {:.0f} fit one experiment; split it",
                                     trials, kMostTrials));
  }
}

void check_strategy_names(const Config& config, const ModelSpec& model, Problems& problems) {
  for (const auto& name : model.strategies) {
    const auto is_named = [&](const StrategySpec& strategy) { return names_it({name}, strategy); };
    if (std::any_of(config.strategies.begin(), config.strategies.end(), is_named)) continue;
    std::vector<std::string> known;
    for (const auto& strategy : config.strategies) known.push_back(strategy.label);
    problems.add(model.places.at("strategies"),
                 fmt::format("strategies: no strategy has the label or plugin \"{}\"; there are: "
                             "{}",
                             name, fmt::join(known, ", ")));
  }
}

// Pairs that do not fit are left out of the plan; what fits nothing is a mistake.
void check_fits(const Config& config, const plugin::Registry& registry, Problems& problems) {
  const auto fit = [&](const ModelSpec& model, const StrategySpec& strategy) {
    return plugin::fits(registry.get(Kind::model, model.plugin),
                        registry.get(Kind::strategy, strategy.plugin));
  };
  const auto needs_masks = [&](const StrategySpec& strategy) {
    return plugin::needs_masks(registry.get(Kind::strategy, strategy.plugin));
  };
  std::set<std::string> told;  // sweeps make many of one
  for (const auto& strategy : config.strategies) {
    const auto fits = [&](const ModelSpec& model) { return fit(model, strategy); };
    if (std::any_of(config.models.begin(), config.models.end(), fits)) continue;
    if (!told.insert(strategy.plugin).second) continue;
    problems.add(strategy.position, plugin::misfit(strategy.plugin, needs_masks(strategy)));
  }
  if (!told.empty()) return;
  for (const auto& model : config.models) {
    const auto fits = [&](const StrategySpec& strategy) { return fit(model, strategy); };
    if (std::any_of(config.strategies.begin(), config.strategies.end(), fits)) continue;
    if (!told.insert(model.plugin).second) continue;
    problems.add(
        model.position,
        fmt::format("model {}: no strategy here works on it; add one that does, such as {}",
                    model.plugin,
                    needs_masks(config.strategies.front()) ? "greedy" : "mask_predict or gibbs"));
  }
}

// Some strategies may be left without a model, but not all.
void check_pairs(const Config& config, const plugin::Registry& registry, Problems& problems) {
  for (const auto& strategy : config.strategies) {
    for (const auto& model : config.models) {
      if (runs_on(strategy, model, registry)) return;
    }
  }
  problems.add({1, 1},
               "no strategy is for any of the models; see the `models` and `tasks` of the "
               "strategies, and the `strategies` and `tasks` of the models");
}

}  // namespace

bool runs_on(const StrategySpec& strategy, const ModelSpec& model, const std::string& task,
             const plugin::Registry& registry) {
  return contains(strategy.tasks, task) && names_it(strategy.models, model) &&
         names_it(model.strategies, strategy) &&
         plugin::fits(registry.get(Kind::model, model.plugin),
                      registry.get(Kind::strategy, strategy.plugin));
}

void check_together(const Config& config, const plugin::Registry& registry, Problems& problems) {
  if (!check_what_is_left(config, problems)) return;
  for (const auto& model : config.models) check_strategy_names(config, model, problems);
  check_size(config, problems);
  if (problems.count() == 0) check_fits(config, registry, problems);
  if (problems.count() == 0) check_pairs(config, registry, problems);
}

}  // namespace trellis::experiments
