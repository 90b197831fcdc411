/// The sections of the HTML report. Each function returns whole, balanced markup; everything that
/// comes from a database goes through `escape`.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "reports/comparison.hpp"
#include "reports/html_report.hpp"
#include "storage/queries.hpp"

namespace trellis::reports::html {

/// What a report shows, read once.
struct Data {
  Comparison comparison;
  std::vector<storage::ModelRow> models;
  std::vector<storage::TaskRecord> tasks;
  std::vector<storage::TrialRow> trials;
  std::vector<storage::FailureRow> failures;
  std::map<std::string, std::string> trial_anchors;  ///< trial id to element id
  std::map<std::string, std::vector<std::string>>
      sample_anchors;  ///< trial id to its samples shown
};

/// For text and attribute values: markup characters escaped, invalid UTF-8 replaced, control
/// characters shown as their pictures (U+2400 ...).
std::string escape(std::string_view text);
/// As escape, but cut after `limit` code points, with a note.
std::string escape_cut(std::string_view text, std::size_t limit);
/// "model × strategy", escaped.
std::string arm_name(const std::string& model, const std::string& strategy);
/// A link to the trial's row, with escaped text.
std::string trial_link(const Data& data, const std::string& trial, const std::string& markup);
/// ` lang="de"` where one of a task's settings names the language, else nothing.
std::string language(const nlohmann::json& settings, const char* setting);
/// A table that scrolls within its own box on small screens.
std::string scrolling(const std::string& label, const std::string& table);

std::string_view style_sheet();
std::string summary(const Data& data);
std::string leaderboard(const Data& data);
/// All tests of a table, folded away: differences, intervals, p-values, effect sizes, pairs needed.
std::string tests(const Data& data, const TaskTable& table);
std::string quality_and_diversity(const Data& data);
/// Calibration, exposure by place and shares of words; empty where nothing was measured.
std::string diagnostics(storage::Reader& reader, const Data& data);
/// How mixtures of experts spread tokens over these; empty where no model is one.
std::string expert_use(storage::Reader& reader, const Data& data);
std::string training_curves(storage::Reader& reader, const Data& data);
/// Fills data.sample_anchors.
std::string samples(storage::Reader& reader, Data& data, const HtmlOptions& options);
std::string trials(const Data& data);
std::string settings(const Data& data);
std::string failures(const Data& data);

}  // namespace trellis::reports::html
