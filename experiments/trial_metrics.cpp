#include "experiments/trial_metrics.hpp"

#include <algorithm>

#include "core/metrics/statistics.hpp"

namespace trellis::experiments {

std::vector<storage::TrialMetric> trial_metrics(storage::Reader& reader, const std::string& trial,
                                                const nlohmann::json& task_metrics,
                                                const storage::TrialTotals& totals,
                                                std::uint64_t stored_samples) {
  std::vector<std::string> names;
  for (const auto& metric : task_metrics) names.push_back(metric.at("name").get<std::string>());
  for (const auto* added : {"perplexity", "bits_per_byte"}) {
    if (std::find(names.begin(), names.end(), added) == names.end()) names.emplace_back(added);
  }
  std::vector<storage::TrialMetric> all;
  for (const auto& name : names) {
    std::vector<metrics::SampleValue> values;
    for (auto& row : reader.sample_metrics(trial, name)) {
      if (row.metric.value) values.push_back({row.metric.value, std::move(row.metric.statistics)});
    }
    if (values.empty()) continue;
    storage::TrialMetric metric{name, metrics::corpus_value(name, values), {}, {}, values.size()};
    if (const auto interval = metrics::bootstrap_interval(name, values)) {
      metric.low = interval->low;
      metric.high = interval->high;
    }
    all.push_back(std::move(metric));
  }
  if (totals.seconds > 0 && totals.delivered_tokens > 0) {
    all.push_back({"tokens_per_second",
                   static_cast<double>(totals.delivered_tokens) / totals.seconds,
                   {},
                   {},
                   stored_samples});
  }
  return all;
}

}  // namespace trellis::experiments
