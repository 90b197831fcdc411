#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "reports/html/page.hpp"

namespace trellis::reports::html {
namespace {

constexpr double kWidth = 640;
constexpr double kLeft = 190;  // of the names
constexpr double kTop = 34;
constexpr double kRow = 24;
constexpr double kWidestCell = 56;
constexpr double kNarrowestNumber = 26;  // cells below it have no room for their percents
constexpr std::size_t kMostName = 22;    // characters of a strategy's name
constexpr std::size_t kMostDrawn = 48;   // rows; all of them are in the table
constexpr double kStrongest = 0.55;      // opacity; text must stay readable on it

// What happened in one layer on one occasion.
struct Row {
  std::string occasion;  // "training", "validation", or a strategy
  storage::ExpertCounts counts;

  double total() const {
    return static_cast<double>(
        std::accumulate(counts.tokens.begin(), counts.tokens.end(), std::uint64_t{0}));
  }
  double share(std::size_t expert) const {
    return total() > 0 ? static_cast<double>(counts.tokens[expert]) / total() : 0;
  }
};

void add(std::vector<Row>& rows, const std::string& occasion,
         std::vector<storage::ExpertCounts> layers) {
  for (auto& counts : layers) rows.push_back({occasion, std::move(counts)});
}

std::size_t most_experts(const std::vector<Row>& rows) {
  std::size_t most = 0;
  for (const auto& row : rows) most = std::max(most, row.counts.tokens.size());
  return most;
}

std::string row_name(const Row& row, std::size_t limit) {
  return fmt::format("{}, layer {}", escape_cut(row.occasion, limit), row.counts.layer);
}

// Darker than the others is what got more than its even share.
std::string cell(const Row& row, std::size_t expert, double greatest, double y, double width) {
  const double share = row.share(expert);
  const double x = kLeft + width * static_cast<double>(expert);
  auto text = fmt::format(
      "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"var(--series-0)\" "
      "fill-opacity=\"{:.3f}\"><title>{}, expert {}: {} tokens, {:.1f} %</title></rect>",
      x, y, width - 1, kRow - 1, greatest > 0 ? kStrongest * share / greatest : 0.0,
      row_name(row, kMostName), expert, row.counts.tokens[expert], 100 * share);
  if (width >= kNarrowestNumber) {
    text += fmt::format(
        "<text class=\"share\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{:.0f}</text>",
        x + width / 2, y + kRow - 8, 100 * share);
  }
  return text;
}

std::string heat_map(const std::string& title, const std::vector<Row>& rows) {
  const auto experts = most_experts(rows);
  const std::size_t drawn = std::min(rows.size(), kMostDrawn);
  const double width = std::min(kWidestCell, (kWidth - kLeft) / static_cast<double>(experts));
  double greatest = 0;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.counts.tokens.size(); ++i)
      greatest = std::max(greatest, row.share(i));
  }
  std::string body = fmt::format(
      "<text class=\"axis-name\" x=\"{:.1f}\" y=\"12\">expert, percent of its row</text>", kLeft);
  for (std::size_t i = 0; i < experts && width >= kNarrowestNumber; ++i) {
    body += fmt::format("<text x=\"{:.1f}\" y=\"28\" text-anchor=\"middle\">{}</text>",
                        kLeft + width * (static_cast<double>(i) + 0.5), i);
  }
  for (std::size_t r = 0; r < drawn; ++r) {
    const double y = kTop + kRow * static_cast<double>(r);
    body += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>", kLeft - 8,
                        y + kRow - 8, row_name(rows[r], kMostName));
    for (std::size_t i = 0; i < rows[r].counts.tokens.size(); ++i)
      body += cell(rows[r], i, greatest, y, width);
    body += '\n';
  }
  return fmt::format(
      "<svg role=\"img\" viewBox=\"0 0 {0} {1}\" aria-label=\"{2}\"><title>{2}</title><desc>Even "
      "would be {3:.1f} percent for each of {4} experts; the greatest share is {5:.1f} percent. "
      "The "
      "numbers are in the table below.</desc>\n{6}</svg>\n",
      kWidth, kTop + kRow * static_cast<double>(drawn), title, 100.0 / static_cast<double>(experts),
      experts, 100 * greatest, body);
}

// Every count; in training with what an expert had no room for.
std::string counts_table(const std::string& title, const std::vector<Row>& rows) {
  std::string head =
      "<th scope=\"col\">tokens of</th><th scope=\"col\" class=\"number\">layer</th>";
  for (std::size_t i = 0; i < most_experts(rows); ++i)
    head += fmt::format("<th scope=\"col\" class=\"number\">{}</th>", i);
  std::string body;
  for (const auto& row : rows) {
    body += fmt::format("<tr><th scope=\"row\"><bdi>{}</bdi></th><td class=\"number\">{}</td>",
                        escape(row.occasion), row.counts.layer);
    for (std::size_t i = 0; i < row.counts.tokens.size(); ++i) {
      const auto dropped = row.counts.dropped[i];
      body += fmt::format(
          "<td class=\"number\">{}{}</td>", row.counts.tokens[i],
          dropped > 0 ? fmt::format(" <span class=\"half\">(−{})</span>", dropped) : std::string());
    }
    body += "</tr>\n";
  }
  return fmt::format(
      "<details><summary>Counts</summary>{}</details>\n",
      scrolling(title, fmt::format("<table><caption>Tokens by expert; in brackets, those that it "
                                   "had no room for.</caption>\n<thead><tr>{}</tr></thead>"
                                   "<tbody>\n{}</tbody></table>",
                                   head, body)));
}

std::string of_model(storage::Reader& reader, const Data& data, const storage::ModelRow& model,
                     const std::string& task) {
  std::vector<Row> rows;
  if (model.record.task_label == task) {
    add(rows, "training", reader.training_expert_counts(model.record.id));
    add(rows, "validation", reader.validation_expert_counts(model.record.id));
  }
  for (const auto& trial : data.trials) {
    if (trial.record.model_id != model.record.id || trial.task_label != task) continue;
    add(rows, trial.record.strategy_label, reader.expert_counts(trial.record.id));
  }
  if (rows.empty()) return "";
  const auto title =
      fmt::format("{} · {}: use of experts", escape(model.record.label), escape(task));
  const auto cut = rows.size() > kMostDrawn
                       ? fmt::format(" Drawn are the first {} of {} rows.", kMostDrawn, rows.size())
                       : std::string();
  return fmt::format("<figure>{}<figcaption>{}.{}</figcaption></figure>\n{}", heat_map(title, rows),
                     title, cut, counts_table(title, rows));
}

}  // namespace

std::string expert_use(storage::Reader& reader, const Data& data) {
  std::string figures;
  for (const auto& model : data.models) {
    for (const auto& task : data.tasks) figures += of_model(reader, data, model, task.label);
  }
  if (figures.empty()) return "";
  return "<section aria-labelledby=\"experts\"><h2 id=\"experts\">Use of experts</h2>\n<p>Which "
         "experts of a mixture the tokens went to: those learned in training and in the last "
         "validation, and by strategy those of the prompts and outputs. A token counts for each "
         "expert that it went to.</p>\n" +
         figures + "</section>\n";
}

}  // namespace trellis::reports::html
