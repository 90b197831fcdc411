#include "reports/writers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "reports/terminal.hpp"
#include "storage/csv.hpp"

namespace trellis::reports {
namespace {

using Json = nlohmann::ordered_json;

/// Nothing in a label may end the cell, start markup or a tag.
std::string markdown_text(std::string_view text) {
  std::string out;
  for (const char byte : text) {
    if (byte == '\n' || byte == '\r' || byte == '\t') {
      out += ' ';
      continue;
    }
    if (std::string_view("\\|*_`[]<>~#").find(byte) != std::string_view::npos) out += '\\';
    out += byte;
  }
  return out;
}

std::string markdown(const Comparison& comparison) {
  auto text = fmt::format("# {}\n\n{} of {} trials done", markdown_text(comparison.experiment.name),
                          comparison.experiment.trials_done, comparison.experiment.trials);
  if (comparison.experiment.trials_failed > 0) {
    text += fmt::format(", {} failed", comparison.experiment.trials_failed);
  }
  text += ".\n";
  for (const auto& table : comparison.tables) {
    text += fmt::format("\n## {}\n\n| model | strategy |", markdown_text(table.task));
    std::string rule = "| --- | --- |";
    for (const auto& column : table.columns) {
      const auto* arrow = !column.higher_is_better ? "" : *column.higher_is_better ? " ↑" : " ↓";
      text += fmt::format(" {}{} |", markdown_text(column.name), arrow);
      rule += " ---: |";
    }
    text += " group | n | |\n" + rule + " --- | ---: | --- |\n";
    for (const auto& row : table.rows) {
      text += fmt::format("| {} | {} |", markdown_text(row.model), markdown_text(row.strategy));
      for (std::size_t i = 0; i < row.cells.size(); ++i) {
        const auto value = markdown_text(format_cell(row.cells[i], table.columns[i].decimals));
        text += row.cells[i].best ? " **" + value + "** |" : " " + value + " |";
      }
      auto state = format_state(row);
      if (row.baseline) state = state.empty() ? "baseline" : fmt::format("baseline, {}", state);
      text += fmt::format(" {} | {} | {} |\n", row.group, row.stored_samples, state);
    }
  }
  text +=
      "\n± half of the 95 % bootstrap interval; \\* differs from the baseline over the same "
      "examples "
      "(paired approximate randomization, of pass or fail McNemar's test; Holm-corrected over all "
      "tests shown, p < 0.05); best in bold; arms that share a group's letter do not differ in the "
      "first metric.\n";
  for (const auto& line : missing_lines(comparison)) {
    text += fmt::format("\n{}.\n", markdown_text(line));
  }
  return text;
}

std::string shortest(const std::optional<double>& value) {
  return value ? fmt::format("{}", *value) : "";
}

std::string joined(const std::vector<std::string>& parts) {
  return fmt::format("{}", fmt::join(parts, " "));
}

/// One line a cell: what a spreadsheet or a plotting program wants.
std::string csv(const Comparison& comparison) {
  std::string text;
  storage::append_csv_row({"experiment",
                           "task",
                           "model",
                           "strategy",
                           "baseline",
                           "metric",
                           "value",
                           "low",
                           "high",
                           "n",
                           "difference",
                           "p_value",
                           "adjusted_p",
                           "significant",
                           "pairs",
                           "best",
                           "stored_samples",
                           "expected_samples",
                           "failures",
                           "state",
                           "trials",
                           "difference_low",
                           "difference_high",
                           "test",
                           "effect_size",
                           "pairs_needed",
                           "only_here",
                           "only_baseline",
                           "group"},
                          text);
  const auto yes = [](bool value) { return std::string(value ? "1" : "0"); };
  for (const auto& table : comparison.tables) {
    for (const auto& row : table.rows) {
      for (std::size_t i = 0; i < row.cells.size(); ++i) {
        const auto& cell = row.cells[i];
        storage::append_csv_row({comparison.experiment.name,
                                 table.task,
                                 row.model,
                                 row.strategy,
                                 yes(row.baseline),
                                 table.columns[i].name,
                                 shortest(cell.value),
                                 shortest(cell.low),
                                 shortest(cell.high),
                                 std::to_string(cell.n),
                                 shortest(cell.difference),
                                 shortest(cell.p_value),
                                 shortest(cell.adjusted_p),
                                 yes(cell.significant),
                                 std::to_string(cell.pairs),
                                 yes(cell.best),
                                 std::to_string(row.stored_samples),
                                 std::to_string(row.expected_samples),
                                 std::to_string(row.failures),
                                 row.failed       ? "failed"
                                 : row.incomplete ? "incomplete"
                                                  : "done",
                                 joined(row.trials),
                                 shortest(cell.difference_low),
                                 shortest(cell.difference_high),
                                 cell.test,
                                 shortest(cell.effect_size),
                                 shortest(cell.pairs_needed),
                                 std::to_string(cell.only_here),
                                 std::to_string(cell.only_baseline),
                                 row.group},
                                text);
      }
    }
  }
  return text;
}

Json or_null(const std::optional<double>& value) {
  return value ? Json(*value) : Json();
}

Json json_row(const TaskTable& table, const ArmRow& row) {
  Json out{{"model", row.model},
           {"strategy", row.strategy},
           {"strategy_plugin", row.strategy_plugin},
           {"baseline", row.baseline},
           {"group", row.group},
           {"state", row.failed       ? "failed"
                     : row.incomplete ? "incomplete"
                                      : "done"},
           {"stored_samples", row.stored_samples},
           {"expected_samples", row.expected_samples},
           {"failures", row.failures},
           {"trials", row.trials},
           {"seeds", row.seeds},
           {"metrics", Json::object()}};
  for (std::size_t i = 0; i < row.cells.size(); ++i) {
    const auto& cell = row.cells[i];
    out["metrics"][table.columns[i].name] = {{"value", or_null(cell.value)},
                                             {"low", or_null(cell.low)},
                                             {"high", or_null(cell.high)},
                                             {"n", cell.n},
                                             {"difference", or_null(cell.difference)},
                                             {"difference_low", or_null(cell.difference_low)},
                                             {"difference_high", or_null(cell.difference_high)},
                                             {"test", cell.test},
                                             {"p_value", or_null(cell.p_value)},
                                             {"adjusted_p", or_null(cell.adjusted_p)},
                                             {"effect_size", or_null(cell.effect_size)},
                                             {"pairs", cell.pairs},
                                             {"pairs_needed", or_null(cell.pairs_needed)},
                                             {"only_here", cell.only_here},
                                             {"only_baseline", cell.only_baseline},
                                             {"significant", cell.significant},
                                             {"best", cell.best}};
  }
  return out;
}

std::string json(const Comparison& comparison) {
  Json out{{"experiment", comparison.experiment.name},
           {"created", comparison.experiment.created},
           {"seed", comparison.experiment.seed},
           {"trials", comparison.experiment.trials},
           {"trials_done", comparison.experiment.trials_done},
           {"trials_failed", comparison.experiment.trials_failed},
           {"tasks", Json::array()}};
  for (const auto& table : comparison.tables) {
    Json task{{"task", table.task}, {"metrics", Json::array()}, {"rows", Json::array()}};
    for (const auto& column : table.columns) {
      task["metrics"].push_back(
          {{"name", column.name},
           {"summary", column.summary},
           {"higher_is_better",
            column.higher_is_better ? Json(*column.higher_is_better) : Json()}});
    }
    for (const auto& row : table.rows) task["rows"].push_back(json_row(table, row));
    out["tasks"].push_back(std::move(task));
  }
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

Format format_from(const std::string& name) {
  if (name == "terminal") return Format::terminal;
  if (name == "markdown") return Format::markdown;
  if (name == "csv") return Format::csv;
  if (name == "json") return Format::json;
  throw Error(Fault::usage, "no format '" + name + "'; there are: terminal, markdown, csv, json");
}

void write_comparison(const Comparison& comparison, Format format, const TerminalOptions& options,
                      std::ostream& out) {
  switch (format) {
    case Format::terminal:
      out << terminal_text(comparison, options);
      break;
    case Format::markdown:
      out << markdown(comparison);
      break;
    case Format::csv:
      out << csv(comparison);
      break;
    case Format::json:
      out << json(comparison);
      break;
  }
  out.flush();
  if (!out) {
    throw Error(Fault::environment,
                "the comparison cannot be written (disk full?); free some room");
  }
}

}  // namespace trellis::reports
