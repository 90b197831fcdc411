/// What several tasks score alike.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/metrics/metric.hpp"
#include "trellis/sdk/plugin.hpp"

namespace trellis::tasks {

using sdk::Json;

/// One sample, as scoring sees it.
struct Scored {
  const Json& example;
  const std::string& output;
  const std::vector<std::string>& tokens;      ///< texts, without an end symbol
  const std::vector<std::string>& references;  ///< may be empty
};

/// {"value": ..., "statistics": [...]} as trellis/abi/task.h has it.
Json metric_json(const metrics::SampleValue& value);
Json metric_json(double value);

/// Asks `score` for {"metrics": ..., "details": ...} of every sample. Of prompted examples, white
/// space around the output and around the references is left out.
Json score_each(const Json& samples, const std::function<Json(const Scored&)>& score);

/// The named metrics, computed from the texts alone; `source` is what the output rewrites. Every
/// name must be one of core/metrics that can be.
Json score_text(const std::vector<std::string>& names, const std::string& source,
                const Scored& sample);

/// What a setting `metrics` chooses among `known`, in its order; all when it is empty. Throws
/// Failure(invalid_argument) for a name that is not among them, Failure(not_found) for a metric
/// whose resources are not installed.
std::vector<std::string> chosen_metrics(const std::vector<std::string>& chosen,
                                        const std::vector<const char*>& known);

/// distinct_1, distinct_2, repetition and length of the generated tokens.
void add_text_statistics(Json& metrics, const Scored& sample);

/// An entry of a description's "metrics", with direction and summary as core/metrics knows them.
/// Throws std::logic_error for a name that it does not know.
Json known_metric(const char* name);
Json known_metrics(const std::vector<const char*>& names);

}  // namespace trellis::tasks
