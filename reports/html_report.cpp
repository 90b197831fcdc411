#include "reports/html_report.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <fstream>

#include "core/error.hpp"
#include "reports/html/page.hpp"

namespace trellis::reports {
namespace {

namespace fs = std::filesystem;

html::Data read_data(storage::Reader& reader, const std::string& experiment,
                     const HtmlOptions& options) {
  auto compare_options = options.compare;
  compare_options.experiment = experiment;
  html::Data data;
  data.comparison = compare(reader, compare_options);
  const auto id = data.comparison.experiment.id;
  data.models = reader.models(id);
  data.tasks = reader.tasks(id);
  data.trials = reader.trials(id);
  data.failures = reader.failures(id);
  for (std::size_t i = 0; i < data.trials.size(); ++i) {
    data.trial_anchors[data.trials[i].record.id] = fmt::format("trial-{}", i + 1);
  }
  return data;
}

// "2026-11-25T01:17:08.316Z" as people read it.
std::string minutes_of(std::string time) {
  if (time.size() < 16 || time[10] != 'T') return time;
  time[10] = ' ';
  return time.substr(0, 16) + " UTC";
}

std::string contents(bool with_diagnostics, bool with_experts, bool with_failures) {
  std::string text = "<nav aria-label=\"Sections\"><ul>";
  const auto link = [&](const char* anchor, const char* name) {
    text += fmt::format("<li><a href=\"#{}\">{}</a></li>", anchor, name);
  };
  link("summary", "Summary");
  link("leaderboard", "Leaderboard");
  link("diversity", "Quality and diversity");
  if (with_diagnostics) link("diagnostics", "Diagnostics");
  link("training", "Training");
  if (with_experts) link("experts", "Use of experts");
  link("samples", "Samples");
  link("trials", "Trials");
  link("settings", "Settings");
  if (with_failures) link("failures", "Failures");
  return text + "</ul></nav>\n";
}

}  // namespace

std::string html_report(storage::Reader& reader, const std::string& experiment,
                        const HtmlOptions& options) {
  auto data = read_data(reader, experiment, options);
  const auto& row = data.comparison.experiment;
  const auto name = html::escape(row.name);
  // Samples first: they tell the trials where they are shown.
  const auto samples = html::samples(reader, data, options);
  const auto diagnostics = html::diagnostics(reader, data);
  const auto experts = html::expert_use(reader, data);
  std::string page = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
      "name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{0} · "
      "Trellis</title>\n<style>{1}</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip "
      "to the results</a>\n<header class=\"page\"><p class=\"kicker\">Trellis "
      "report</p>\n<h1><bdi>{0}</bdi></h1>\n<p>Begun <time datetime=\"{5}\">{2}</time>, seed "
      "{3}.</p>\n{4}</header>\n<main "
      "id=\"main\" class=\"page\">\n",
      name, html::style_sheet(), html::escape(minutes_of(row.created)), row.seed,
      contents(!diagnostics.empty(), !experts.empty(), !data.failures.empty()),
      html::escape(row.created));
  page += html::summary(data);
  page += html::leaderboard(data);
  page += html::quality_and_diversity(data);
  page += diagnostics;
  page += html::training_curves(reader, data);
  page += experts;
  page += samples;
  page += html::trials(data);
  page += html::settings(data);
  page += html::failures(data);
  page += fmt::format(
      "</main>\n<footer class=\"page\"><p>Made by Trellis {} from the experiment's "
      "database.</p></footer>\n</body>\n</html>\n",
      html::escape(row.environment.value("trellis", "")));
  return page;
}

void write_html_report(storage::Reader& reader, const std::string& experiment, const fs::path& path,
                       const HtmlOptions& options) {
  const auto page = html_report(reader, experiment, options);
  auto unfinished = path;
  unfinished += ".part";
  std::error_code error;
  errno = 0;
  std::ofstream stream(unfinished, std::ios::binary);
  stream << page;
  stream.close();
  if (!stream) error.assign(errno != 0 ? errno : EIO, std::generic_category());
  if (!error) fs::rename(unfinished, path, error);
  if (error) {
    std::error_code ignored;
    fs::remove(unfinished, ignored);
    throw Error(Fault::environment,
                fmt::format("{}: cannot be written: {}; name another file with --output",
                            path.string(), error.message()));
  }
}

}  // namespace trellis::reports
