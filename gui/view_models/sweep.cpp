#include "gui/view_models/sweep.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "gui/view_models/comparison.hpp"

namespace trellis::gui {
namespace {

double number_of(const std::string& text) {
  double value = 0;
  const auto [rest, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = code == std::errc() && rest == text.data() + text.size();
  return whole ? value : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

std::vector<SweptSetting> swept_settings(const Overview& overview,
                                         const reports::TaskTable& table) {
  std::vector<std::string> trials;
  for (const auto& row : table.rows) {
    trials.push_back(row.trials.empty() ? std::string() : row.trials.front());
  }
  std::vector<SweptSetting> settings;
  for (auto& row : differing_settings(overview, trials)) {
    if (row.name == "seed" || row.name == "model parameters") continue;
    SweptSetting setting{row.name, std::move(row.values), {}, true};
    for (const auto& text : setting.texts) {
      setting.numbers.push_back(number_of(text));
      if (!text.empty() && std::isnan(setting.numbers.back())) setting.numeric = false;
    }
    settings.push_back(std::move(setting));
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
      name += fmt::format("{}{} = {}", name.empty() ? "" : ", ", settings[i].name, text);
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
