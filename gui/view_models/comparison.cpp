#include "gui/view_models/comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/text/json.hpp"
#include "gui/view_models/sample_filter.hpp"
#include "gui/view_models/selection.hpp"

namespace trellis::gui {
namespace {

using Flat = std::map<std::string, std::string>;

void flatten(const nlohmann::json& value, const std::string& name, Flat& out) {
  if (value.is_object() && !value.empty()) {
    for (const auto& [key, inner] : value.items())
      flatten(inner, fmt::format("{}.{}", name, key), out);
  } else if (value.is_array() &&
             std::ranges::any_of(value, [](const auto& entry) { return entry.is_object(); })) {
    // A list of processors: by name rather than by place, so that the same ones meet.
    for (std::size_t i = 0; i < value.size(); ++i) {
      const auto& entry = value[i];
      const auto key = entry.is_object() && entry.contains("plugin") && entry["plugin"].is_string()
                           ? entry["plugin"].template get<std::string>()
                           : std::to_string(i + 1);
      flatten(entry, fmt::format("{}.{}", name, key), out);
    }
  } else if (value.is_string()) {
    out[name] = value.get<std::string>();
  } else {
    out[name] = write_json(value);
  }
}

}  // namespace

std::vector<SettingRow> differing_settings(const Overview& overview,
                                           const std::vector<std::string>& trials) {
  std::vector<Flat> all;
  std::set<std::string> names;
  for (const auto& id : trials) {
    auto& flat = all.emplace_back();
    const auto* trial = find_trial(overview, id);
    if (trial == nullptr) continue;
    flat["model"] = trial->model_label;
    flat["task"] = trial->task_label;
    flat["seed"] = std::to_string(trial->record.seed);
    flatten(trial->record.strategy, "strategy", flat);
    const auto model = std::ranges::find(overview.models, trial->record.model_id,
                                         [](const auto& row) { return row.record.id; });
    if (model != overview.models.end()) {
      flat["model.plugin"] = model->record.plugin;
      flatten(model->record.settings, "model", flat);
      if (model->result) flat["model parameters"] = std::to_string(model->result->parameters);
    }
    for (const auto& [name, value] : flat) names.insert(name);
  }
  std::vector<SettingRow> rows;
  for (const auto& name : names) {
    SettingRow row{name, {}};
    for (const auto& flat : all) {
      const auto found = flat.find(name);
      row.values.push_back(found != flat.end() ? found->second : "");
    }
    const bool alike = std::ranges::all_of(
        row.values, [&](const auto& value) { return value == row.values.front(); });
    const auto is_empty = [](const auto& value) {
      return value.empty() || value == "[]" || value == "{}";
    };
    const bool told = name.ends_with(".version") ? std::ranges::none_of(row.values, is_empty)
                                                 : !std::ranges::all_of(row.values, is_empty);
    if (!alike && told) rows.push_back(std::move(row));
  }
  return rows;
}

Wins wins_of(const PairedSamples& samples, std::size_t trial, const std::string& metric,
             bool higher_is_better) {
  Wins wins;
  for (const auto& row : samples.rows) {
    const double first = metric_of(samples, row, 0, metric);
    const double other = metric_of(samples, row, trial, metric);
    if (std::isnan(first) || std::isnan(other)) continue;
    if (first == other) {
      ++wins.ties;
    } else if ((other > first) == higher_is_better) {
      ++wins.wins;
    } else {
      ++wins.losses;
    }
  }
  return wins;
}

std::vector<bool> pareto_front(const std::vector<double>& x, const std::vector<double>& y,
                               bool higher_x, bool higher_y) {
  const auto better = [](double a, double b, bool higher) { return higher ? a > b : a < b; };
  std::vector<bool> front(x.size(), false);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i]) || std::isnan(y[i])) continue;
    front[i] = true;
    for (std::size_t j = 0; j < x.size(); ++j) {
      if (std::isnan(x[j]) || std::isnan(y[j])) continue;
      const bool worse_nowhere = !better(x[i], x[j], higher_x) && !better(y[i], y[j], higher_y);
      const bool better_somewhere = better(x[j], x[i], higher_x) || better(y[j], y[i], higher_y);
      if (worse_nowhere && better_somewhere) front[i] = false;
    }
  }
  return front;
}

}  // namespace trellis::gui
