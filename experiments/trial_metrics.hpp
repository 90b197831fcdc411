/// From the metrics of stored samples to those of their trial.
#pragma once

#include <string>
#include <vector>

#include "storage/queries.hpp"

namespace trellis::experiments {

/// The task's own metrics, what the host adds to them, and tokens per second from the totals. The
/// interval is bootstrapped with a fixed seed, so the same samples give the same digits.
std::vector<storage::TrialMetric> trial_metrics(storage::Reader& reader, const std::string& trial,
                                                const nlohmann::json& task_metrics,
                                                const storage::TrialTotals& totals,
                                                std::uint64_t stored_samples);

}  // namespace trellis::experiments
