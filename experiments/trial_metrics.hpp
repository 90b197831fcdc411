/// From the metrics of stored samples to those of their trial.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "storage/queries.hpp"
#include "storage/store.hpp"

namespace trellis::experiments {

/// The metrics of a task's description but the optional ones; where it has a setting `metrics` that
/// names some, those in that order (trellis/abi/task.h).
nlohmann::json metrics_of_task(const nlohmann::json& description, const nlohmann::json& settings);

/// Whether the host measures it of the model as it generates, beside what the task scores: outputs
/// alone do not tell it.
bool is_host_metric(std::string_view metric);

/// Whether no task gives the metric, so that scoring by a task leaves it as it is: shares of groups
/// of words, which a config names, and what an encoder said of the texts.
bool stays_when_scored_anew(std::string_view metric);

/// One metric of the trial's stored samples, with its interval.
storage::TrialMetric trial_metric(storage::Reader& reader, const std::string& trial,
                                  const std::string& name);

/// Stores all of a trial's metrics, by name, in the place of those before.
void put_trial_metrics(storage::Store& store, const std::string& trial,
                       const std::map<std::string, storage::TrialMetric>& metrics);

/// The task's own metrics, what the host adds to them (pass@k beside "passes"), and tokens per
/// second from the totals. The interval is bootstrapped over examples with a fixed seed, so the
/// same samples give the same digits.
std::vector<storage::TrialMetric> trial_metrics(storage::Reader& reader, const std::string& trial,
                                                const nlohmann::json& task_metrics,
                                                const storage::TrialTotals& totals,
                                                std::uint64_t stored_samples);

}  // namespace trellis::experiments
