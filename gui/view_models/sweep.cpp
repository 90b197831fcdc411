#include "gui/view_models/sweep.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "gui/view_models/comparison.hpp"

namespace trellis::gui {
namespace {

double number_of(const std::string& text) {
  double value = 0;
  const auto [rest, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = code == std::errc() && rest == text.data() + text.size();
  return whole ? value : no_value;
}

/// Which arms have the same text: the place of the first such arm for each.
std::vector<std::size_t> partition_of(const std::vector<std::string>& texts) {
  std::map<std::string, std::size_t> first;
  std::vector<std::size_t> partition;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    partition.push_back(first.try_emplace(texts[i], i).first->second);
  }
  return partition;
}

bool has_several_values(const std::vector<std::string>& texts) {
  std::set<std::string> values(texts.begin(), texts.end());
  values.erase("");
  return values.size() > 1;
}

int rank_of(const SettingRow& row) {
  if (row.name == "model") return 0;
  return row.name.starts_with("strategy.") ? 1 : 2;
}

/// "strategy.plugin" is the strategy; otherwise the last part.
std::string short_name(const std::string& name) {
  if (name == "strategy.plugin") return "strategy";
  if (name == "model.plugin") return "model plugin";
  return name.substr(name.rfind('.') + 1);
}

}  // namespace

std::vector<SweptSetting> swept_settings(const Overview& overview,
                                         const reports::TaskTable& table) {
  std::vector<std::string> trials;
  for (const auto& row : table.rows) {
    trials.push_back(row.trials.empty() ? std::string() : row.trials.front());
  }
  auto rows = differing_settings(overview, trials);
  std::ranges::stable_sort(rows, {}, rank_of);
  std::set<std::pair<std::vector<std::size_t>, bool>> seen;
  std::vector<SweptSetting> settings;
  for (auto& row : rows) {
    const bool other = row.name == "seed" || row.name == "task" || row.name == "model parameters" ||
                       row.name.ends_with(".version");
    if (other || !has_several_values(row.values)) continue;
    SweptSetting setting{row.name, short_name(row.name), std::move(row.values), {}, true};
    bool everywhere = true;
    for (const auto& text : setting.texts) {
      setting.numbers.push_back(number_of(text));
      everywhere = everywhere && !text.empty();
      if (!text.empty() && std::isnan(setting.numbers.back())) setting.numeric = false;
    }
    if (seen.emplace(partition_of(setting.texts), setting.numeric && everywhere).second) {
      settings.push_back(std::move(setting));
    }
  }
  for (auto& setting : settings) {
    const auto alike = std::ranges::count(settings, short_name(setting.name),
                                          [](const auto& one) { return short_name(one.name); });
    if (alike > 1) setting.label = setting.name;
  }
  return settings;
}

std::vector<SweepLine> sweep_lines(const std::vector<SweptSetting>& settings, std::size_t along) {
  std::vector<SweepLine> lines;
  const auto& numbers = settings[along].numbers;
  for (std::size_t row = 0; row < numbers.size(); ++row) {
    if (std::isnan(numbers[row])) continue;
    std::string name;
    for (std::size_t i = 0; i < settings.size(); ++i) {
      const auto& text = settings[i].texts[row];
      if (i == along || text.empty()) continue;
      // A swept setting of a model is part of the model's label.
      if (settings[i].name == "model" && settings[along].name.starts_with("model.")) continue;
      name += fmt::format("{}{} = {}", name.empty() ? "" : ", ", settings[i].label, text);
    }
    auto found = std::ranges::find(lines, name, &SweepLine::name);
    if (found == lines.end()) {
      lines.push_back({name, {}});
      found = lines.end() - 1;
    }
    found->rows.push_back(row);
  }
  for (auto& line : lines) {
    std::ranges::stable_sort(line.rows, {}, [&](const auto row) { return numbers[row]; });
  }
  return lines;
}

}  // namespace trellis::gui
