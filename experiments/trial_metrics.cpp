#include "experiments/trial_metrics.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "core/metrics/bert_score.hpp"
#include "core/metrics/expert_use.hpp"
#include "core/metrics/mauve.hpp"
#include "core/metrics/pass_at_k.hpp"
#include "core/metrics/statistics.hpp"
#include "core/metrics/word_groups.hpp"

namespace trellis::experiments {

nlohmann::json metrics_of_task(const nlohmann::json& description, const nlohmann::json& settings) {
  auto all = description.value("metrics", nlohmann::json::array());
  const auto chosen = settings.value("metrics", nlohmann::json());
  auto metrics = nlohmann::json::array();
  if (!chosen.is_array() || chosen.empty()) {
    for (const auto& metric : all) {
      if (!metric.value("optional", false)) metrics.push_back(metric);
    }
    return metrics;
  }
  for (const auto& name : chosen) {
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const auto& metric) { return metric.at("name") == name; });
    if (found != all.end()) metrics.push_back(*found);
  }
  return metrics;
}

namespace {

// Those with a name of their own; a mixture's layers have one each beside these.
constexpr std::array<const char*, 7> kHostMetrics = {
    "perplexity",        "bits_per_byte", "pseudo_perplexity", "pseudo_bits_per_byte",
    "calibration_error", "exposure_gap",  "draft_acceptance"};

/// What resampling needs of a trial's samples.
struct Values {
  std::vector<metrics::SampleValue> samples;
  std::vector<std::uint64_t> examples;  ///< samples of one example are drawn together
};

Values values_of(std::vector<storage::SampleMetricRow> rows) {
  Values values;
  for (auto& row : rows) {
    if (!row.metric.value) continue;
    values.samples.push_back({row.metric.value, std::move(row.metric.statistics)});
    values.examples.push_back(row.example_index);
  }
  return values;
}

storage::TrialMetric metric_of(const std::string& name, const Values& values) {
  storage::TrialMetric metric{
      name, metrics::corpus_value(name, values.samples), {}, {}, values.samples.size()};
  if (const auto interval =
          metrics::bootstrap_interval(name, values.samples, {}, values.examples)) {
    metric.low = interval->low;
    metric.high = interval->high;
  }
  return metric;
}

/// pass@k over the problems, for each k that all problems have samples for.
void add_pass_at_k(const Values& passes, std::vector<storage::TrialMetric>& all) {
  std::map<std::uint64_t, std::pair<std::size_t, std::size_t>> problems;  // samples, passed
  for (std::size_t i = 0; i < passes.samples.size(); ++i) {
    auto& [samples, passed] = problems[passes.examples[i]];
    ++samples;
    if (*passes.samples[i].value == 1) ++passed;
  }
  for (const auto& [name, k] :
       {std::pair("pass@5", 5U), std::pair("pass@10", 10U), std::pair("pass@100", 100U)}) {
    Values values;
    for (const auto& [problem, counts] : problems) {
      if (counts.first < k) return;
      values.samples.push_back({metrics::pass_at_k(counts.first, counts.second, k), {}});
      values.examples.push_back(problem);
    }
    if (!values.samples.empty()) all.push_back(metric_of(name, values));
  }
}

}  // namespace

bool is_host_metric(std::string_view metric) {
  return metric.starts_with(metrics::kExpertsPrefix) ||
         std::find(kHostMetrics.begin(), kHostMetrics.end(), metric) != kHostMetrics.end();
}

bool stays_when_scored_anew(std::string_view metric) {
  return metric.starts_with(metrics::kSharePrefix) ||
         metric.starts_with(metrics::kBertScorePrefix) || metric.starts_with(metrics::kMauvePrefix);
}

void put_trial_metrics(storage::Store& store, const std::string& trial,
                       const std::map<std::string, storage::TrialMetric>& metrics) {
  std::vector<storage::TrialMetric> all;
  all.reserve(metrics.size());
  for (const auto& [name, metric] : metrics) all.push_back(metric);
  store.put_trial_metrics(trial, all);
}

storage::TrialMetric trial_metric(storage::Reader& reader, const std::string& trial,
                                  const std::string& name) {
  return metric_of(name, values_of(reader.sample_metrics(trial, name)));
}

std::vector<storage::TrialMetric> trial_metrics(storage::Reader& reader, const std::string& trial,
                                                const nlohmann::json& task_metrics,
                                                const storage::TrialTotals& totals,
                                                std::uint64_t stored_samples) {
  std::vector<std::string> names;
  for (const auto& metric : task_metrics) names.push_back(metric.at("name").get<std::string>());
  for (const auto* added : kHostMetrics) {
    if (std::find(names.begin(), names.end(), added) == names.end()) names.emplace_back(added);
  }
  std::set<std::string> layers;  // the same of all samples that have tokens
  for (const auto& sample : reader.samples(trial, 0, 16, false)) {
    for (const auto& [name, value] : sample.metrics)
      if (name.starts_with(metrics::kExpertsPrefix)) layers.insert(name);
  }
  names.insert(names.end(), layers.begin(), layers.end());
  std::vector<storage::TrialMetric> all;
  for (const auto& name : names) {
    const auto values = values_of(reader.sample_metrics(trial, name));
    if (values.samples.empty()) continue;
    all.push_back(metric_of(name, values));
    if (name == "passes") add_pass_at_k(values, all);
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
