/// How numbers and states read, the same in every writer.
#include <cmath>

#include <fmt/format.h>

#include "reports/comparison.hpp"

namespace trellis::reports {

int decimals_for(double largest) {
  if (largest >= 1000) return 0;
  if (largest >= 100) return 1;
  if (largest >= 10) return 2;
  return largest >= 1 ? 3 : 4;
}

std::string format_number(double value, int decimals) {
  auto text = fmt::format("{:.{}f}", value, decimals);
  // "-0.00" says nothing that "0.00" does not.
  if (text.front() == '-' && text.find_first_of("123456789infa") == std::string::npos) {
    text.erase(0, 1);
  }
  return text;
}

std::string format_cell(const Cell& cell, int decimals) {
  if (!cell.value) return "–";
  auto text = format_number(*cell.value, decimals);
  if (const auto half = cell.half_width()) text += " ± " + format_number(*half, decimals);
  if (cell.significant) text += " *";
  return text;
}

std::string format_p(double p) {
  return p < 0.0001 ? "< 0.0001" : fmt::format("{:.4f}", p);
}

std::vector<std::string> missing_lines(const Comparison& comparison) {
  std::vector<std::string> lines;
  for (const auto& table : comparison.tables) {
    for (const auto& row : table.rows) {
      for (std::size_t i = 0; i < row.cells.size(); ++i) {
        const auto& cell = row.cells[i];
        if (cell.only_here + cell.only_baseline == 0) continue;
        lines.push_back(
            fmt::format("{}, {} × {}, {}: of {} examples {} have no value in the baseline and {} "
                        "none in this arm; "
                        "the test is over the other {}",
                        table.task, row.model, row.strategy, table.columns[i].name,
                        cell.pairs + cell.only_here + cell.only_baseline, cell.only_here,
                        cell.only_baseline, cell.pairs));
      }
    }
  }
  return lines;
}

std::string format_state(const ArmRow& row) {
  std::string text;
  if (row.failed || row.incomplete) {
    text = fmt::format("{}, {} of {} samples", row.failed ? "failed" : "incomplete",
                       row.stored_samples, row.expected_samples);
  }
  if (row.failures > 0) {
    text += fmt::format("{}{} failure{}", text.empty() ? "" : ", ", row.failures,
                        row.failures == 1 ? "" : "s");
  }
  return text;
}

}  // namespace trellis::reports
