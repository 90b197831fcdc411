#include "gui/view_models/leaderboard.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace trellis::gui {

namespace {

reports::TaskTable stored_table(const Overview& overview, const storage::TaskRecord& task) {
  reports::TaskTable table{task.label, {}, {}};
  for (const auto& metric : task.metrics) {
    reports::MetricColumn column{metric.value("name", ""), metric.value("summary", ""), {}, 4};
    if (metric.contains("higher_is_better")) column.higher_is_better = metric["higher_is_better"];
    table.columns.push_back(std::move(column));
  }
  for (const auto& trial : overview.trials) {
    if (trial.task_label != task.label) continue;
    const auto known = std::ranges::find_if(table.rows, [&](const auto& row) {
      return row.model == trial.model_label && row.strategy == trial.record.strategy_label;
    });
    auto& row = known != table.rows.end() ? *known : table.rows.emplace_back();
    row.model = trial.model_label;
    row.strategy = trial.record.strategy_label;
    reports::add_trial(row, trial);
    row.cells.assign(table.columns.size(), {});
    if (row.trials.size() > 1) continue;
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      const auto found = trial.metrics.find(table.columns[i].name);
      if (found == trial.metrics.end()) continue;
      const auto& metric = found->second;
      row.cells[i].value = metric.value;
      row.cells[i].low = metric.low;
      row.cells[i].high = metric.high;
      row.cells[i].n = metric.n;
    }
  }
  if (!table.rows.empty()) table.rows.front().baseline = true;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    double largest = 0;
    for (const auto& row : table.rows) {
      largest = std::max(largest, std::abs(row.cells[i].value.value_or(0)));
    }
    table.columns[i].decimals = reports::decimals_for(largest);
  }
  return table;
}

}  // namespace

reports::Comparison stored_values(const Overview& overview) {
  reports::Comparison comparison{overview.experiment, {}};
  for (const auto& task : overview.tasks) {
    comparison.tables.push_back(stored_table(overview, task));
  }
  return comparison;
}

std::string metric_against(const reports::TaskTable& table, const std::string& name) {
  const auto family = [](std::string_view metric) {
    return metric.substr(0, metric.find_first_of("_+"));
  };
  std::string other;
  for (const auto& column : table.columns) {
    if (family(column.name) == family(name)) continue;
    if (family(column.name) == "distinct" && column.name != "distinct_1") return column.name;
    if (other.empty()) other = column.name;
  }
  if (!other.empty()) return other;
  const auto found =
      std::ranges::find_if(table.columns, [&](const auto& column) { return column.name != name; });
  return found != table.columns.end() ? found->name : name;
}

std::size_t column_of(const reports::TaskTable& table, const std::string& metric) {
  const auto found =
      std::ranges::find(table.columns, metric, [](const auto& column) { return column.name; });
  return static_cast<std::size_t>(found - table.columns.begin());
}

std::vector<std::size_t> leaderboard_order(const reports::TaskTable& table,
                                           const ViewState& state) {
  std::vector<std::size_t> order(table.rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto column = column_of(table, state.sort);
  if (column == table.columns.size()) return order;
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    const auto& left = table.rows[a].cells[column].value;
    const auto& right = table.rows[b].cells[column].value;
    if (!left || !right) return left.has_value() && !right.has_value();
    return state.ascending ? *left < *right : *left > *right;
  });
  return order;
}

std::optional<double> standing(const reports::TaskTable& table, std::size_t row,
                               std::size_t column) {
  const auto& value = table.rows[row].cells[column].value;
  if (!value) return std::nullopt;
  double low = *value;
  double high = *value;
  for (const auto& other : table.rows) {
    if (!other.cells[column].value) continue;
    low = std::min(low, *other.cells[column].value);
    high = std::max(high, *other.cells[column].value);
  }
  if (high <= low) return 1;
  const double share = (*value - low) / (high - low);
  return table.columns[column].higher_is_better.value_or(true) ? share : 1 - share;
}

Pivot pivot_of(const reports::TaskTable& table) {
  Pivot pivot;
  const auto place = [](std::vector<std::string>& names, const std::string& name) {
    const auto found = std::ranges::find(names, name);
    if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
    names.push_back(name);
    return names.size() - 1;
  };
  for (const auto& row : table.rows) {
    place(pivot.models, row.model);
    place(pivot.strategies, row.strategy);
  }
  pivot.rows.resize(pivot.models.size() * pivot.strategies.size());
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const auto model = place(pivot.models, table.rows[i].model);
    pivot.rows[model * pivot.strategies.size() + place(pivot.strategies, table.rows[i].strategy)] =
        i;
  }
  return pivot;
}

}  // namespace trellis::gui
