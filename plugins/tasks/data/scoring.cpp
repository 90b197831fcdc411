#include "plugins/tasks/data/scoring.hpp"

#include <stdexcept>

#include "core/metrics/text_statistics.hpp"

namespace trellis::tasks {

Json metric_json(const metrics::SampleValue& value) {
  Json json = {{"value", value.value ? Json(*value.value) : Json()}};
  if (!value.statistics.empty()) json["statistics"] = value.statistics;
  return json;
}

Json metric_json(double value) {
  return {{"value", value}};
}

Json score_each(const Json& samples, const std::function<Json(const Scored&)>& score) {
  Json answers = Json::array();
  for (const auto& sample : samples) {
    const auto& example = sample.at("example");
    const auto output = sample.at("output").get<std::string>();
    auto tokens = sample.value("tokens", std::vector<std::string>());
    if (sample.value("finish", "") == "eos" && !tokens.empty()) tokens.pop_back();
    const auto references = example.value("references", std::vector<std::string>());
    answers.push_back(score({example, output, tokens, references}));
  }
  return answers;
}

void add_text_statistics(Json& metrics, const Scored& sample) {
  metrics["distinct_1"] = metric_json(metrics::distinct_ngrams(sample.tokens, 1));
  metrics["distinct_2"] = metric_json(metrics::distinct_ngrams(sample.tokens, 2));
  metrics["repetition"] = metric_json(metrics::repeated_ngrams(sample.tokens));
  metrics["length"] = metric_json(static_cast<double>(sample.tokens.size()));
}

Json known_metric(const char* name) {
  const auto* definition = metrics::find_metric(name);
  if (definition == nullptr) throw std::logic_error(std::string("unknown metric ") + name);
  Json json = {{"name", name}, {"summary", definition->summary}};
  if (definition->higher_is_better) json["higher_is_better"] = *definition->higher_is_better;
  return json;
}

Json known_metrics(const std::vector<const char*>& names) {
  Json list = Json::array();
  for (const auto* name : names) list.push_back(known_metric(name));
  return list;
}

}  // namespace trellis::tasks
