#include "reports/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "reports/display_width.hpp"

namespace trellis::reports {
namespace {

constexpr std::size_t longest_label = 40;
constexpr std::string_view gap = "  ";

enum class Paint { plain, dim, bold, good, bad, warning };

struct Field {
  std::string text;
  Paint paint = Paint::plain;
};

struct Column {
  std::string title;
  bool right = true;
  std::vector<Field> fields;
  std::size_t width = 0;
};

std::string painted(const std::string& text, Paint paint, bool colour) {
  if (!colour || paint == Paint::plain) return text;
  const char* code = paint == Paint::dim    ? "2"
                     : paint == Paint::bold ? "1"
                     : paint == Paint::good ? "32"
                     : paint == Paint::bad  ? "31"
                                            : "33";
  return fmt::format("\033[{}m{}\033[0m", code, text);
}

Paint paint_of(const Cell& cell, const MetricColumn& column) {
  if (cell.significant && cell.difference && column.higher_is_better) {
    return (*cell.difference > 0) == *column.higher_is_better ? Paint::good : Paint::bad;
  }
  return cell.best ? Paint::bold : Paint::plain;
}

std::string direction(const MetricColumn& column) {
  if (!column.higher_is_better) return column.name;
  return column.name + (*column.higher_is_better ? " ↑" : " ↓");
}

void measure(Column& column) {
  column.width = display_width(column.title);
  for (const auto& field : column.fields) {
    column.width = std::max(column.width, display_width(field.text));
  }
}

/// Model and strategy, then a column a metric, then n and the state.
std::vector<Column> columns_of(const TaskTable& table) {
  std::vector<Column> columns(2);
  columns[0] = {"model", false, {}, 0};
  columns[1] = {"strategy", false, {}, 0};
  for (const auto& row : table.rows) {
    const auto paint = row.baseline ? Paint::dim : Paint::plain;
    columns[0].fields.push_back({fitted(row.model, longest_label), paint});
    columns[1].fields.push_back({fitted(row.strategy, longest_label), paint});
  }
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    auto& column = columns.emplace_back(Column{direction(table.columns[i]), true, {}, 0});
    for (const auto& row : table.rows) {
      auto text = format_cell(row.cells[i], table.columns[i].decimals);
      // The mark hangs, so that the digits stand under each other.
      if (!row.cells[i].significant) text += "  ";
      column.fields.push_back({std::move(text), paint_of(row.cells[i], table.columns[i])});
    }
  }
  if (!table.rows.empty() && !table.rows.front().group.empty()) {
    auto& group = columns.emplace_back(Column{"group", false, {}, 0});
    for (const auto& row : table.rows) group.fields.push_back({row.group, Paint::plain});
  }
  Column n{"n", true, {}, 0};
  Column state{"", false, {}, 0};
  for (const auto& row : table.rows) {
    n.fields.push_back({std::to_string(row.stored_samples), Paint::plain});
    auto text = format_state(row);
    if (row.baseline) text = text.empty() ? "baseline" : fmt::format("baseline, {}", text);
    state.fields.push_back({text, format_state(row).empty() ? Paint::dim : Paint::warning});
  }
  columns.push_back(std::move(n));
  columns.push_back(std::move(state));
  for (auto& column : columns) measure(column);
  return columns;
}

std::string line_of(const std::vector<const Column*>& columns, std::size_t row, bool colour) {
  std::string line;
  for (const auto* column : columns) {
    const auto& field = column->fields[row];
    if (column != columns.front()) line += gap;
    line += painted(padded(field.text, column->width, column->right), field.paint, colour);
  }
  if (!colour) line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

std::string block_of(const std::vector<const Column*>& columns, std::size_t rows, bool colour) {
  std::string title;
  std::string rule;
  for (const auto* column : columns) {
    if (column != columns.front()) {
      title += gap;
      rule += gap;
    }
    title += padded(column->title, column->width, column->right);
    for (std::size_t i = 0; i < column->width; ++i) rule += "─";
  }
  title.erase(title.find_last_not_of(' ') + 1);
  rule.erase(rule.find_last_not_of(' ') + 1);
  auto text = painted(title, Paint::bold, colour) + "\n" + painted(rule, Paint::dim, colour) + "\n";
  for (std::size_t row = 0; row < rows; ++row) text += line_of(columns, row, colour);
  return text;
}

std::string table_text(const TaskTable& table, const TerminalOptions& options) {
  if (table.rows.empty()) return "No trials.\n";
  const auto columns = columns_of(table);
  const auto labels = columns[0].width + gap.size() + columns[1].width;
  std::string text;
  for (std::size_t next = 2; next < columns.size();) {
    std::vector<const Column*> block{&columns[0], &columns[1]};
    auto width = labels;
    // At least one column a block, even where it does not fit.
    do {
      width += gap.size() + columns[next].width;
      block.push_back(&columns[next++]);
    } while (next < columns.size() &&
             (options.width == 0 || width + gap.size() + columns[next].width <= options.width));
    if (!text.empty()) text += "\n";
    text += block_of(block, table.rows.size(), options.colour);
  }
  return text;
}

}  // namespace

TerminalOptions terminal_options(int descriptor) {
  TerminalOptions options;
  if (isatty(descriptor) == 0) return options;
  const char* no_colour = std::getenv("NO_COLOR");
  options.colour = no_colour == nullptr || *no_colour == '\0';
  winsize size{};
  if (ioctl(descriptor, TIOCGWINSZ, &size) == 0) options.width = size.ws_col;
  return options;
}

std::string terminal_text(const Comparison& comparison, const TerminalOptions& options) {
  const auto& experiment = comparison.experiment;
  auto text =
      fmt::format("{}: {} of {} trials done", painted(experiment.name, Paint::bold, options.colour),
                  experiment.trials_done, experiment.trials);
  if (experiment.trials_failed > 0) text += fmt::format(", {} failed", experiment.trials_failed);
  text += "\n";
  for (const auto& table : comparison.tables) {
    text += fmt::format("\n{}\n", painted(table.task, Paint::bold, options.colour));
    text += table_text(table, options);
  }
  text +=
      "\n± half of the 95 % bootstrap interval; * differs from the baseline over the same\n"
      "examples (paired approximate randomization, of pass or fail McNemar's test; Holm-corrected\n"
      "over all tests shown, p < 0.05); arms that share a group's letter do not differ in the "
      "first\n"
      "metric\n";
  for (const auto& line : missing_lines(comparison)) text += fmt::format("{}\n", line);
  return text;
}

}  // namespace trellis::reports
