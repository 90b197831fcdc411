#include "experiments/score_words.hpp"

#include <fmt/format.h>

#include <map>

#include "experiments/trial_metrics.hpp"

namespace trellis::experiments {
namespace {

std::string metric_name(const std::string& group, std::string_view of) {
  return fmt::format("{}{}{}", metrics::kSharePrefix, group, of);
}

void add_shares(const metrics::WordGroups& groups, const metrics::GroupCounts& counts,
                std::string_view of, storage::SampleRecord& sample) {
  for (std::size_t group = 0; group < groups.names().size(); ++group) {
    auto share = metrics::group_share(counts, group);
    sample.metrics[metric_name(groups.names()[group], of)] = {share.value,
                                                              std::move(share.statistics)};
  }
}

void score_sample(const metrics::WordGroups& groups, storage::SampleRecord& sample) {
  sample.metrics.clear();
  auto counts = groups.none();
  groups.count(sample.output, counts);
  add_shares(groups, counts, "", sample);
  if (sample.references.empty()) return;
  counts = groups.none();
  groups.count(sample.references.front(), counts);
  add_shares(groups, counts, metrics::kOfReferences, sample);
}

// Returns whether there are samples.
bool score_samples(storage::Reader& reader, storage::Store& store, const std::string& trial,
                   const metrics::WordGroups& groups) {
  constexpr std::uint64_t read_at_once = 1024;  // samples
  for (std::uint64_t first = 0;; first += read_at_once) {
    auto samples = reader.samples(trial, first, read_at_once, false);
    if (samples.empty()) return first > 0;
    for (auto& sample : samples) score_sample(groups, sample);
    store.add_sample_metrics(trial, samples);
  }
}

}  // namespace

void score_words(storage::Reader& reader, storage::Store& store, std::int64_t experiment,
                 const std::vector<metrics::WordGroup>& groups,
                 const std::vector<TaskFacts>& facts) {
  if (groups.empty()) return;
  const metrics::WordGroups counted(groups);
  std::map<std::string, const TaskFacts*> facts_of;
  const auto tasks = reader.tasks(experiment);
  for (std::size_t i = 0; i < tasks.size(); ++i) facts_of[tasks[i].id] = &facts[i];
  for (const auto& trial : reader.trials(experiment)) {
    const auto& id = trial.record.id;
    if (!score_samples(reader, store, id, counted)) continue;
    auto all = trial.metrics;
    const TaskFacts& task = *facts_of.at(trial.record.task_id);
    for (std::size_t group = 0; group < groups.size(); ++group) {
      for (const auto of : {std::string_view(), metrics::kOfReferences}) {
        const auto name = metric_name(groups[group].name, of);
        all[name] = trial_metric(reader, id, name);
      }
      // What a worker says of them is not to be relied on.
      if (task.word_counts.size() != groups.size() + 1) continue;
      const auto name = metric_name(groups[group].name, metrics::kOfTraining);
      all[name] = {name, metrics::group_share(task.word_counts, group).value, {}, {}, task.train};
    }
    std::erase_if(all, [](const auto& metric) { return metric.second.n == 0; });
    put_trial_metrics(store, id, all);
  }
}

}  // namespace trellis::experiments
