#include "gui/view_models/leaderboard.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace trellis::gui {

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
