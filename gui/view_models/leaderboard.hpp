/// The leaderboard as rows and as a pivot, from a comparison.
#pragma once

#include <string>
#include <vector>

#include "gui/snapshot.hpp"

namespace trellis::gui {

/// The leaderboard of what runs stored: no tests, and no values of several seeds together. The
/// first arm of each task is the baseline.
reports::Comparison stored_values(const Overview& overview);

/// The table's rows in the order in which they are shown.
std::vector<std::size_t> leaderboard_order(const reports::TaskTable& table, const ViewState& state);

/// Where an arm's value lies among its column's: 0 for the worst, 1 for the best (by direction; by
/// size where none is known). Nothing without a value.
std::optional<double> standing(const reports::TaskTable& table, std::size_t row,
                               std::size_t column);

struct Pivot {
  std::vector<std::string> models;
  std::vector<std::string> strategies;
  std::vector<std::optional<std::size_t>> rows;  ///< [models, strategies], of the table
};
Pivot pivot_of(const reports::TaskTable& table);

/// A metric to see `name` against: one of diversity where there is one, else the first that is no
/// variant of it ("bleu_lowercase" of "bleu"), else any.
std::string metric_against(const reports::TaskTable& table, const std::string& name);

/// The place of a metric; the number of columns when there is none of that name.
std::size_t column_of(const reports::TaskTable& table, const std::string& metric);

}  // namespace trellis::gui
