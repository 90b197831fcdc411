#include <fmt/format.h>

#include "reports/html/page.hpp"

namespace trellis::reports::html {
namespace {

std::string number_cell(const std::string& text) {
  return fmt::format("<td class=\"number\">{}</td>", text);
}

std::string or_dash(const std::optional<double>& value, int decimals) {
  return value ? format_number(*value, decimals) : "–";
}

std::string row_of(const MetricColumn& column, const ArmRow& row, const Cell& cell) {
  auto text = fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td>", escape(column.name),
                          arm_name(row.model, row.strategy));
  text += number_cell(format_number(*cell.difference, column.decimals));
  text += number_cell(or_dash(cell.difference_low, column.decimals) + " to " +
                      or_dash(cell.difference_high, column.decimals));
  text += fmt::format("<td>{}</td>", cell.test);
  text += number_cell(escape(format_p(*cell.p_value)));
  text += number_cell(escape(format_p(cell.adjusted_p.value_or(1))) +
                      (cell.significant ? " <span class=\"star\">*</span>" : ""));
  text += number_cell(or_dash(cell.effect_size, 2));
  text += number_cell(std::to_string(cell.pairs));
  text += number_cell(or_dash(cell.pairs_needed, 0));
  text += number_cell(std::to_string(cell.only_here + cell.only_baseline));
  return text + "</tr>\n";
}

}  // namespace

std::string tests(const Data& data, const TaskTable& table) {
  std::string rows;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    for (const auto& row : table.rows) {
      const auto& cell = row.cells[i];
      if (cell.difference && cell.p_value) rows += row_of(table.columns[i], row, cell);
    }
  }
  if (rows.empty()) return "";
  const auto head = fmt::format(
      "<table><caption>Every arm against the baseline. Effect size: the difference in standard "
      "deviations of one example's. Pairs needed: examples with which such a difference is found "
      "with probability {:g}, uncorrected. Left out: examples of which one side has no value."
      "</caption>\n<thead><tr><th scope=\"col\">metric</th><th scope=\"col\">arm</th><th "
      "scope=\"col\" class=\"number\">difference</th><th scope=\"col\" class=\"number\">95 % "
      "interval</th><th scope=\"col\">test</th><th scope=\"col\" class=\"number\">p</th><th "
      "scope=\"col\" class=\"number\">p, corrected</th><th scope=\"col\" "
      "class=\"number\">effect size</th><th scope=\"col\" class=\"number\">pairs</th><th "
      "scope=\"col\" class=\"number\">pairs needed</th><th scope=\"col\" class=\"number\">left "
      "out</th></tr></thead>\n<tbody>\n",
      data.comparison.power);
  return "<details><summary>Tests against the baseline</summary>\n" +
         scrolling("Tests of " + table.task, head + rows + "</tbody></table>") + "</details>\n";
}

}  // namespace trellis::reports::html
