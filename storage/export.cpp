#include <cmath>
#include <set>

#include "core/error.hpp"
#include "storage/connection.hpp"
#include "storage/csv.hpp"
#include "storage/maintenance.hpp"

namespace trellis::storage {
namespace {

constexpr std::uint64_t page = 256;  // samples in memory at once

using Json = nlohmann::ordered_json;

std::string line_of(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json sample_json(const std::string& experiment, const TrialRow& trial, const SampleRecord& sample,
                 bool with_tokens) {
  Json row;
  row["experiment"] = experiment;
  row["task"] = trial.task_label;
  row["model"] = trial.model_label;
  row["strategy"] = trial.record.strategy_label;
  row["seed"] = trial.record.seed;
  row["trial"] = trial.record.id;
  row["example_index"] = sample.example_index;
  row["sample_index"] = sample.sample_index;
  row["example_id"] = sample.example_id;
  row["source"] = sample.source;
  row["prefix"] = sample.prefix;
  row["output"] = sample.output;
  row["references"] = sample.references;
  row["fields"] = sample.fields;
  row["finish"] = sample.finish;
  row["score"] = sample.score;
  row["seconds"] = sample.seconds;
  row["metrics"] = Json::object();
  for (const auto& [name, metric] : sample.metrics) {
    row["metrics"][name] = metric.value ? Json(*metric.value) : Json();
  }
  row["details"] = sample.details;
  if (with_tokens) {
    row["tokens"] = Json::array();
    for (const auto& token : sample.tokens) {
      row["tokens"].push_back({{"id", token.id},
                               {"text", token.text},
                               {"log_probability", token.log_probability},
                               {"entropy", token.entropy},
                               {"rank", token.rank},
                               {"alternatives", token.alternatives}});
    }
  }
  return row;
}

const std::vector<std::string> plain_columns{
    "experiment",    "task",         "model",      "strategy", "seed",   "trial",
    "example_index", "sample_index", "example_id", "source",   "prefix", "output",
    "references",    "fields",       "finish",     "score",    "seconds"};

/// Text as it is, nothing for null, everything else as JSON.
std::string csv_field(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return {};
  return line_of(value);
}

std::set<std::string> metric_names(Reader& reader, const std::vector<TrialRow>& trials) {
  std::set<std::string> names;
  for (const auto& trial : trials) {
    for (const auto& [name, metric] : trial.metrics) names.insert(name);
    // The trial's own metrics come last, so a trial under way is asked for its first sample's.
    for (const auto& sample : reader.samples(trial.record.id, 0, 1, false)) {
      for (const auto& [name, metric] : sample.metrics) names.insert(name);
    }
  }
  return names;
}

void write(const std::string& text, std::ostream& out) {
  out << text;
  if (!out) {
    throw Error(Fault::environment, "the export cannot be written (disk full?); free some room");
  }
}

}  // namespace

std::uint64_t export_samples(Reader& reader, const ExportOptions& options, std::ostream& out) {
  const auto experiment = reader.experiment(options.experiment);
  const auto trials = reader.trials(experiment.id);
  const bool csv = options.format == ExportFormat::csv;
  std::set<std::string> metrics;
  std::string text;
  if (csv) {
    metrics = metric_names(reader, trials);
    auto header = plain_columns;
    for (const auto& name : metrics) header.push_back("metric." + name);
    append_csv_row(header, text);
    write(text, out);
  }
  std::uint64_t written = 0;
  for (const auto& trial : trials) {
    for (std::uint64_t first = 0;; first += page) {
      const auto samples = reader.samples(trial.record.id, first, page, options.tokens && !csv);
      text.clear();
      for (const auto& sample : samples) {
        const auto row = sample_json(experiment.name, trial, sample, options.tokens && !csv);
        if (csv) {
          std::vector<std::string> fields;
          for (const auto& column : plain_columns) fields.push_back(csv_field(row[column]));
          for (const auto& name : metrics) {
            fields.push_back(row["metrics"].contains(name) ? csv_field(row["metrics"][name]) : "");
          }
          append_csv_row(fields, text);
        } else {
          text += line_of(row) + "\n";
        }
      }
      write(text, out);
      written += samples.size();
      if (samples.size() < page) break;
    }
  }
  return written;
}

}  // namespace trellis::storage
