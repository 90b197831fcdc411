#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <numeric>
#include <set>

#include "core/metrics/calibration.hpp"
#include "core/metrics/expert_use.hpp"
#include "core/metrics/exposure.hpp"
#include "core/metrics/word_groups.hpp"
#include "reports/html/page.hpp"

namespace trellis::reports::html {
namespace {

// The statistics of a trial's samples added up, where they are `size` numbers, or by default as
// many as of the first; empty where it has none.
std::vector<double> sums_of(storage::Reader& reader, const std::string& trial,
                            const std::string& metric, std::size_t size = 0) {
  std::vector<double> sums;
  for (const auto& row : reader.sample_metrics(trial, metric)) {
    if (size == 0) size = row.metric.statistics.size();
    if (row.metric.statistics.size() != size) continue;
    sums.resize(size, 0.0);
    for (std::size_t i = 0; i < size; ++i) sums[i] += row.metric.statistics[i];
  }
  return sums;
}

std::string interval_text(const storage::TrialMetric& metric) {
  if (!metric.value) return "–";
  if (!metric.low || !metric.high) return fmt::format("{:.3f}", *metric.value);
  return fmt::format("{:.3f} <span class=\"half\">({:.3f} to {:.3f})</span>", *metric.value,
                     *metric.low, *metric.high);
}

std::string table_of(const std::string& caption, const std::string& head, const std::string& rows) {
  if (rows.empty()) return "";
  return scrolling(caption, fmt::format("<table><caption>{}</caption>\n<thead><tr>{}</tr></thead>"
                                        "<tbody>\n{}</tbody></table>",
                                        caption, head, rows));
}

std::string heading(std::string_view name, bool number) {
  return fmt::format("<th scope=\"col\"{}>{}</th>", number ? " class=\"number\"" : "", name);
}

// Accuracy of each bin; how many guesses it holds, and their confidence, where one points at it.
std::string calibration_row(const storage::TrialRow& trial, const std::vector<double>& sums) {
  auto row =
      fmt::format("<tr><th scope=\"row\"><bdi>{}</bdi></th><td class=\"number\">{}</td>",
                  escape(trial.model_label), interval_text(trial.metrics.at("calibration_error")));
  for (std::size_t bin = 0; bin < metrics::kCalibrationBins; ++bin) {
    const double guesses = sums[3 * bin];
    row += guesses > 0
               ? fmt::format(
                     "<td class=\"number\" title=\"{:.0f} tokens, mean confidence "
                     "{:.3f}\">{:.0f}</td>",
                     guesses, sums[3 * bin + 1] / guesses, 100 * sums[3 * bin + 2] / guesses)
               : std::string("<td class=\"number\">–</td>");
  }
  return row + "</tr>\n";
}

std::string calibration_head() {
  auto head = heading("model", false) + heading("ECE", true);
  for (std::size_t bin = 1; bin <= metrics::kCalibrationBins; ++bin) {
    head += heading(fmt::format("≤ {:.0f} %", 100.0 * static_cast<double>(bin) /
                                                  static_cast<double>(metrics::kCalibrationBins)),
                    true);
  }
  return head;
}

std::string exposure_row(const storage::TrialRow& trial, const std::vector<double>& sums) {
  auto row = fmt::format(
      "<tr><th scope=\"row\"><bdi>{}</bdi></th><td><bdi>{}</bdi></td><td "
      "class=\"number\">{}</td>",
      escape(trial.model_label), escape(trial.record.strategy_label),
      interval_text(trial.metrics.at("exposure_gap")));
  for (std::size_t range = 0; range < metrics::kExposureRanges.size(); ++range) {
    const double places = sums[3 * range];
    row += places > 0
               ? fmt::format("<td class=\"number\" title=\"{:.0f} places\">{:.0f} → {:.0f}</td>",
                             places, 100 * sums[3 * range + 1] / places,
                             100 * sums[3 * range + 2] / places)
               : std::string("<td class=\"number\">–</td>");
  }
  return row + "</tr>\n";
}

std::string exposure_head() {
  auto head = heading("model", false) + heading("strategy", false) + heading("gap", true);
  const auto& ranges = metrics::kExposureRanges;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const bool last = i + 1 == ranges.size();
    const bool single = !last && ranges[i + 1] == ranges[i] + 1;
    head += heading(last     ? fmt::format("{} on", ranges[i])
                    : single ? std::to_string(ranges[i])
                             : fmt::format("{} to {}", ranges[i], ranges[i + 1] - 1),
                    true);
  }
  return head;
}

std::string share_rows(const storage::TrialRow& trial) {
  std::string rows;
  for (const auto& [name, metric] : trial.metrics) {
    const bool of_outputs = name.starts_with(metrics::kSharePrefix) &&
                            !name.ends_with(metrics::kOfReferences) &&
                            !name.ends_with(metrics::kOfTraining);
    if (!of_outputs) continue;
    const auto beside = [&, stem = name](std::string_view of) {
      const auto found = trial.metrics.find(stem + std::string(of));
      return found == trial.metrics.end() ? std::string("–") : interval_text(found->second);
    };
    rows += fmt::format(
        "<tr><th scope=\"row\"><bdi>{}</bdi></th><td><bdi>{}</bdi></td><td><bdi>{}</bdi></td><td "
        "class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td></tr>\n",
        escape(std::string_view(name).substr(metrics::kSharePrefix.size())),
        escape(trial.model_label), escape(trial.record.strategy_label), interval_text(metric),
        beside(metrics::kOfReferences), beside(metrics::kOfTraining));
  }
  return rows;
}

// A bar for each expert, as high as its share of the layer's greatest; the percents below.
std::string expert_bars(const std::vector<double>& sums) {
  constexpr double kBar = 12;
  constexpr double kHeight = 24;
  const double greatest = *std::ranges::max_element(sums);
  const double all = std::accumulate(sums.begin(), sums.end(), 0.0);
  std::string bars;
  std::string percents;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const double height = kHeight * sums[i] / greatest;
    bars += fmt::format(
        "<rect x=\"{:.0f}\" y=\"{:.1f}\" width=\"{:.0f}\" height=\"{:.1f}\" "
        "fill=\"var(--series-0)\"/>",
        kBar * static_cast<double>(i), kHeight - height, kBar - 2, height);
    percents += fmt::format("{}{:.0f}", i > 0 ? " · " : "", 100 * sums[i] / all);
  }
  const double width = kBar * static_cast<double>(sums.size());
  return fmt::format(
      "<svg aria-hidden=\"true\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} "
      "{1:.0f}\">{2}</svg><br>{3}",
      width, kHeight, bars, percents);
}

std::string expert_rows(storage::Reader& reader, const storage::TrialRow& trial) {
  std::map<std::int64_t, std::string> names;  // by layer
  for (const auto& [name, metric] : trial.metrics) {
    if (name.starts_with(metrics::kExpertsPrefix))
      names.emplace(std::atoll(name.c_str() + metrics::kExpertsPrefix.size()), name);
  }
  std::string rows;
  for (const auto& [layer, name] : names) {
    const auto sums = sums_of(reader, trial.record.id, name);
    if (sums.empty()) continue;
    rows += fmt::format(
        "<tr><th scope=\"row\"><bdi>{}</bdi></th><td><bdi>{}</bdi></td><td "
        "class=\"number\">{}</td><td class=\"number\">{}</td><td>{}</td></tr>\n",
        escape(trial.model_label), escape(trial.record.strategy_label), layer,
        interval_text(trial.metrics.at(name)), expert_bars(sums));
  }
  return rows;
}

std::string of_task(storage::Reader& reader, const Data& data, const std::string& task) {
  std::set<std::string> calibrated;  // models: it is the same for all strategies
  std::string calibration;
  std::string exposure;
  std::string shares;
  std::string experts;
  for (const auto& trial : data.trials) {
    if (trial.task_label != task) continue;
    const auto& id = trial.record.id;
    const auto& model = trial.record.model_id;
    if (trial.metrics.contains("calibration_error") && !calibrated.contains(model)) {
      const auto sums = sums_of(reader, id, "calibration_error", metrics::kCalibrationStatistics);
      if (!sums.empty()) {
        calibration += calibration_row(trial, sums);
        calibrated.insert(model);
      }
    }
    if (trial.metrics.contains("exposure_gap")) {
      const auto sums = sums_of(reader, id, "exposure_gap", metrics::kExposureStatistics);
      if (!sums.empty()) exposure += exposure_row(trial, sums);
    }
    shares += share_rows(trial);
    experts += expert_rows(reader, trial);
  }
  auto text = table_of(
      "Calibration: of the guesses up to a confidence, how many percent are right, "
      "after the reference's own words. Calibrated, a column's number lies within "
      "its bounds.",
      calibration_head(), calibration);
  text += table_of(
      "Exposure: percent of tokens right by place, after the reference's words → after "
      "the output's own.",
      exposure_head(), exposure);
  text += table_of(
      "Words: each group's share among the words of all groups; of a single group, among all "
      "words.",
      heading("group", false) + heading("model", false) + heading("strategy", false) +
          heading("outputs", true) + heading("references", true) + heading("training data", true),
      shares);
  text += table_of(
      "Experts: of the tokens of the outputs, how many percent each expert of a layer has made, by "
      "its "
      "weights. Use: 1 where all made the same.",
      heading("model", false) + heading("strategy", false) + heading("layer", true) +
          heading("use", true) + heading("percent of each expert", false),
      experts);
  if (text.empty()) return "";
  return fmt::format("<h3><bdi>{}</bdi></h3>\n{}", escape(task), text);
}

}  // namespace

std::string diagnostics(storage::Reader& reader, const Data& data) {
  std::string text;
  for (const auto& task : data.tasks) text += of_task(reader, data, task.label);
  if (text.empty()) return "";
  return "<section aria-labelledby=\"diagnostics\"><h2 id=\"diagnostics\">Diagnostics</h2>\n" +
         text + "</section>\n";
}

}  // namespace trellis::reports::html
