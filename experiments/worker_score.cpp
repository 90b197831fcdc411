#include <algorithm>
#include <array>
#include <string_view>

#include "core/plugin/task.hpp"
#include "experiments/trial_metrics.hpp"
#include "experiments/worker.hpp"
#include "storage/queries.hpp"

namespace trellis::experiments {
namespace {

using nlohmann::json;

constexpr const char* kKeptDetail = "likelihood";

// What the host measured stays as the model's run left it.
bool is_kept(const std::string& metric) {
  return stays_when_scored_anew(metric) || is_host_metric(metric);
}

plugin::Example example_of(const storage::SampleRecord& sample) {
  return {sample.example_id, sample.source, sample.prefix, sample.references, true, {}, 0,
          sample.fields};
}

plugin::Output output_of(const storage::SampleRecord& sample) {
  plugin::Output output{sample.output, sample.finish, {}};
  for (const auto& token : sample.tokens) output.tokens.push_back(token.text);
  output.turns = plugin::turns_of_details(sample.details);
  return output;
}

}  // namespace

void run_score(const WorkerContext& context, const ScoreJob& job) {
  constexpr std::uint64_t read_at_once = 64;  // samples
  auto task = plugin::Task::create(context.registry, job.task.plugin, job.task.settings);
  auto reader = storage::Reader::open(job.database);
  for (const auto& trial : job.trials) {
    for (std::uint64_t first = 0;; first += read_at_once) {
      if (context.cancelled()) throw Error(Fault::cancelled, "scoring was cancelled");
      auto samples = reader.samples(trial, first, read_at_once, true);
      if (samples.empty()) break;
      std::vector<plugin::Example> examples;
      std::vector<plugin::Output> outputs;
      for (const auto& sample : samples) {
        examples.push_back(example_of(sample));
        outputs.push_back(output_of(sample));
      }
      const auto scores = task.score(examples, outputs);
      json records = json::array();
      for (std::size_t i = 0; i < samples.size(); ++i) {
        storage::SampleRecord record;
        record.example_index = samples[i].example_index;
        record.sample_index = samples[i].sample_index;
        for (const auto& [name, value] : scores[i].metrics) {
          record.metrics[name] = {value.value, value.statistics};
        }
        for (const auto& [name, value] : samples[i].metrics) {
          if (is_kept(name)) record.metrics[name] = value;
        }
        record.details = scores[i].details;
        if (const auto& details = samples[i].details; details.contains(kKeptDetail)) {
          record.details[kKeptDetail] = details[kKeptDetail];
        }
        if (const auto& turns = outputs[i].turns; !turns.empty()) {
          record.details[plugin::kTurnsDetail] = plugin::turns_to_json(turns);
        }
        records.push_back(sample_to_json(record));
      }
      context.send({{"event", "scores"}, {"trial", trial}, {"samples", records}});
    }
  }
}

}  // namespace trellis::experiments
