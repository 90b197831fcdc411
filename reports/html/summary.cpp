#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "reports/html/page.hpp"

namespace trellis::reports::html {
namespace {

std::string fact(std::string_view name, const std::string& value) {
  return fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", name, value);
}

std::string counted(std::size_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

const ArmRow* best_of(const TaskTable& table) {
  if (table.columns.empty()) return nullptr;
  const auto found = std::find_if(table.rows.begin(), table.rows.end(),
                                  [](const ArmRow& row) { return row.cells.front().best; });
  return found == table.rows.end() ? nullptr : &*found;
}

std::string value_markup(const Data& data, const ArmRow& row, std::size_t column, int decimals) {
  const auto& cell = row.cells[column];
  if (!cell.value) return "–";
  auto text = trial_link(data, row.trials.front(), format_number(*cell.value, decimals));
  if (const auto half = cell.half_width()) {
    text += fmt::format(" <span class=\"half\">± {}</span>", format_number(*half, decimals));
  }
  return text;
}

std::string finding(const Data& data, const TaskTable& table) {
  const auto* best = best_of(table);
  if (best == nullptr) {
    return fmt::format("<li><bdi>{}</bdi>: no arm is better than the others yet.</li>\n",
                       escape(table.task));
  }
  const auto& column = table.columns.front();
  auto text =
      fmt::format("<li><bdi>{}</bdi>: best {} is {} by <strong>{}</strong>", escape(table.task),
                  escape(column.name), value_markup(data, *best, 0, column.decimals),
                  arm_name(best->model, best->strategy));
  const auto& baseline = table.rows.front();
  if (!best->baseline && baseline.cells.front().value) {
    text +=
        fmt::format("; the baseline, {}, has {}{}", arm_name(baseline.model, baseline.strategy),
                    value_markup(data, baseline, 0, column.decimals),
                    best->cells.front().significant ? ", and the difference is beyond chance"
                                                    : ", and chance may explain the difference");
  }
  return text + ".</li>\n";
}

/// What the task's test data has in common with its training data.
std::string warning(const storage::TaskRecord& task) {
  const auto& overlap = task.overlap;
  if (!overlap.is_object()) return "";
  const auto examples = overlap.value("examples", nlohmann::json::array());
  if (examples.empty()) return "";
  return fmt::format(
      "<li class=\"bad\"><bdi>{}</bdi>: {} of the {} test examples with {} words in a row share so "
      "many with the training or validation data.</li>\n",
      escape(task.label), examples.size(), overlap.value("comparable", std::uint64_t{0}),
      overlap.value("words", std::uint64_t{0}));
}

/// Where the value and its interval lie among those of the column. The numbers stand beside it.
std::string whisker(const Cell& cell, double low, double high) {
  if (!cell.value || high <= low) return "";
  const auto at = [&](double value) { return 4 + 112 * (value - low) / (high - low); };
  std::string lines;
  if (cell.low && cell.high) {
    lines = fmt::format(
        "<line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"8\" y2=\"8\" stroke=\"var(--muted)\" "
        "stroke-width=\"2\"/>",
        at(*cell.low), at(*cell.high));
  }
  return fmt::format(
      "<svg aria-hidden=\"true\" width=\"120\" height=\"16\" viewBox=\"0 0 120 16\">{}"
      "<circle cx=\"{:.1f}\" cy=\"8\" r=\"4\" fill=\"var(--series-0)\"/></svg>",
      lines, at(*cell.value));
}

std::pair<double, double> range_of(const TaskTable& table) {
  double low = 0;
  double high = 0;
  bool first = true;
  for (const auto& row : table.rows) {
    const auto& cell = row.cells.front();
    if (!cell.value) continue;
    const double from = cell.low.value_or(*cell.value);
    const double to = cell.high.value_or(*cell.value);
    low = first ? from : std::min(low, from);
    high = first ? to : std::max(high, to);
    first = false;
  }
  return {low, high};
}

std::string head_of(const TaskTable& table) {
  std::string text =
      "<thead><tr><th scope=\"col\" class=\"number\"><abbr title=\"place\">#</abbr></th><th "
      "scope=\"col\">model"
      "</th><th scope=\"col\">strategy</th>";
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const auto& column = table.columns[i];
    const auto* arrow =
        !column.higher_is_better ? ""
        : *column.higher_is_better
            ? " <span aria-hidden=\"true\">↑</span><span class=\"hidden\">, higher "
              "is better</span>"
            : " <span aria-hidden=\"true\">↓</span><span class=\"hidden\">, lower is "
              "better</span>";
    text += fmt::format("<th scope=\"col\" class=\"number\" title=\"{}\">{}{}</th>",
                        escape(column.summary), escape(column.name), arrow);
    if (i == 0) text += "<td><span class=\"hidden\">interval drawn</span></td>";
  }
  return text +
         "<th scope=\"col\">group</th><th scope=\"col\" class=\"number\">n</th><th "
         "scope=\"col\">state</th></tr></thead>\n";
}

std::string cell_markup(const Data& data, const TaskTable& table, const ArmRow& row,
                        std::size_t column) {
  const auto& cell = row.cells[column];
  auto text = value_markup(data, row, column, table.columns[column].decimals);
  if (cell.significant) {
    text += fmt::format(
        " <abbr class=\"star\" title=\"differs from the baseline by {} over {} pairs, p = {:.4f} "
        "after Holm&#39;s correction\">*</abbr>",
        format_number(*cell.difference, table.columns[column].decimals), cell.pairs,
        *cell.adjusted_p);
  }
  if (cell.best) text = fmt::format("★ <span class=\"hidden\">best: </span>{}", text);
  return fmt::format("<td class=\"number{}\">{}</td>", cell.best ? " best" : "", text);
}

std::string row_markup(const Data& data, const TaskTable& table, const ArmRow& row,
                       const std::string& place) {
  auto text = fmt::format(
      "<tr><td class=\"number\">{}</td><th scope=\"row\"><bdi>{}</bdi></th>"
      "<td><bdi>{}</bdi></td>",
      place, escape(row.model), escape(row.strategy));
  const auto [low, high] = range_of(table);
  for (std::size_t i = 0; i < row.cells.size(); ++i) {
    text += cell_markup(data, table, row, i);
    if (i == 0) text += fmt::format("<td>{}</td>", whisker(row.cells[i], low, high));
  }
  text += fmt::format("<td>{}</td><td class=\"number\">{}</td><td>", row.group, row.stored_samples);
  if (row.baseline) text += "<span class=\"badge\">baseline</span> ";
  const auto state = format_state(row);
  if (!state.empty()) text += fmt::format("<span class=\"bad\">{}</span>", state);
  if (state.empty() && !row.baseline) text += "done";
  return text + "</td></tr>\n";
}

/// The best by the main metric first; without a direction as they come.
std::vector<const ArmRow*> ranked(const TaskTable& table) {
  std::vector<const ArmRow*> rows;
  for (const auto& row : table.rows) rows.push_back(&row);
  if (table.columns.empty() || !table.columns.front().higher_is_better) return rows;
  const bool higher = *table.columns.front().higher_is_better;
  std::stable_sort(rows.begin(), rows.end(), [&](const ArmRow* a, const ArmRow* b) {
    const auto& left = a->cells.front().value;
    const auto& right = b->cells.front().value;
    if (!left || !right) return left.has_value() && !right.has_value();
    return higher ? *left > *right : *left < *right;
  });
  return rows;
}

}  // namespace

std::string summary(const Data& data) {
  const auto& experiment = data.comparison.experiment;
  std::uint64_t samples = 0;
  std::uint64_t tokens = 0;
  std::set<std::string> models;
  std::set<std::string> strategies;
  for (const auto& trial : data.trials) {
    samples += trial.stored_samples;
    tokens += trial.totals.delivered_tokens;
    models.insert(trial.model_label);
    strategies.insert(trial.record.strategy_label);
  }
  std::string text = fmt::format(
      "<section aria-labelledby=\"summary\"><h2 id=\"summary\">Summary</h2>\n<p>{} with {} on {}. "
      "{}</p>\n<ul>\n",
      counted(models.size(), "model", "models"),
      counted(strategies.size(), "strategy", "strategies"),
      counted(data.tasks.size(), "task", "tasks"),
      experiment.trials_done == experiment.trials
          ? "All trials are done."
          : "Not all trials are done: what follows may still change.");
  for (const auto& table : data.comparison.tables) text += finding(data, table);
  for (const auto& task : data.tasks) text += warning(task);
  text += "</ul>\n<dl class=\"facts\">\n";
  text += fact("Trials done", fmt::format("{} of {}", experiment.trials_done, experiment.trials));
  text += fact("Trials failed", std::to_string(experiment.trials_failed));
  text += fact("Models trained or loaded", std::to_string(data.models.size()));
  text += fact("Samples", std::to_string(samples));
  text += fact("Tokens generated", std::to_string(tokens));
  return text + "</dl></section>\n";
}

std::string leaderboard(const Data& data) {
  std::string text =
      "<section aria-labelledby=\"leaderboard\"><h2 id=\"leaderboard\">Leaderboard</h2>\n<p>Values "
      "with half of their 95 % bootstrap interval. ★ is the best of its column. <span "
      "class=\"star\">*</span> differs from the baseline over the same examples (paired "
      "approximate "
      "randomization, of pass or fail McNemar's test; Holm-corrected over all tests shown, p &lt; "
      "0.05). Arms that share a group's letter do not differ in the metric by which they are "
      "ranked. "
      "Every value leads to its trial.</p>\n";
  for (const auto& table : data.comparison.tables) {
    text += fmt::format("<h3><bdi>{}</bdi></h3>\n", escape(table.task));
    if (table.rows.empty()) {
      text += "<p>No trials.</p>\n";
      continue;
    }
    if (table.columns.empty()) {
      text += "<p>No metrics yet.</p>\n";
      continue;
    }
    auto markup = fmt::format("<table><caption>{}, ranked by {}{}</caption>\n{}<tbody>\n",
                              escape(table.task), escape(table.columns.front().name),
                              table.columns.front().summary.empty()
                                  ? std::string()
                                  : fmt::format(" ({})", escape(table.columns.front().summary)),
                              head_of(table));
    std::size_t place = 0;
    for (const auto* row : ranked(table)) {
      const bool has_place = row->cells.front().value && table.columns.front().higher_is_better;
      markup += row_markup(data, table, *row, has_place ? std::to_string(++place) : "–");
    }
    text += scrolling("Leaderboard of " + table.task, markup + "</tbody></table>");
    text += tests(data, table);
  }
  return text + "</section>\n";
}

}  // namespace trellis::reports::html
