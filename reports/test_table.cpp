#include "reports/test_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "reports/display_width.hpp"

namespace trellis::reports {
namespace {

constexpr std::size_t kLongestLabel = 48;
constexpr std::size_t kColumns = 10;
constexpr std::size_t kTextColumns = 3;  // the first ones are not right-aligned
using Line = std::array<std::string, kColumns>;

std::string or_dash(const std::optional<double>& value, int decimals) {
  return value ? format_number(*value, decimals) : "–";
}

Line line_of(const MetricColumn& column, const ArmRow& row, const Cell& cell) {
  return {column.name,
          fitted(row.model + " × " + row.strategy, kLongestLabel),
          cell.test,
          format_number(*cell.difference, column.decimals) + (cell.significant ? " *" : "  "),
          or_dash(cell.difference_low, column.decimals) + " to " +
              or_dash(cell.difference_high, column.decimals),
          format_p(*cell.p_value),
          format_p(cell.adjusted_p.value_or(1)),
          or_dash(cell.effect_size, 2),
          std::to_string(cell.pairs),
          or_dash(cell.pairs_needed, 0)};
}

std::string aligned(const std::vector<Line>& lines) {
  std::array<std::size_t, kColumns> widths{};
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < kColumns; ++i) {
      widths.at(i) = std::max(widths.at(i), display_width(line.at(i)));
    }
  }
  std::string text;
  for (const auto& line : lines) {
    std::string row;
    for (std::size_t i = 0; i < kColumns; ++i) {
      if (i > 0) row += "  ";
      row += padded(line.at(i), widths.at(i), i >= kTextColumns);
    }
    row.erase(row.find_last_not_of(' ') + 1);
    text += row + "\n";
  }
  return text;
}

}  // namespace

std::string test_table(const Comparison& comparison) {
  std::string text;
  for (const auto& table : comparison.tables) {
    std::vector<Line> lines{{"metric", "arm", "test", "difference  ", "95 % interval", "p",
                             "p corrected", "effect size", "pairs", "pairs needed"}};
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      for (const auto& row : table.rows) {
        const auto& cell = row.cells[i];
        if (cell.difference && cell.p_value) lines.push_back(line_of(table.columns[i], row, cell));
      }
    }
    if (lines.size() > 1) text += fmt::format("\n{}\n{}", table.task, aligned(lines));
  }
  return text + fmt::format(
                    "\neffect size: the difference in standard deviations of one example's; pairs "
                    "needed: to find such a\ndifference with probability {:g}, uncorrected\n",
                    comparison.power);
}

}  // namespace trellis::reports
