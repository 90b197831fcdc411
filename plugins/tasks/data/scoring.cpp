#include "plugins/tasks/data/scoring.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <stdexcept>

#include "core/error.hpp"
#include "core/metrics/text_statistics.hpp"
#include "core/metrics/turns.hpp"
#include "core/text/unicode.hpp"

namespace trellis::tasks {
namespace {

std::vector<metrics::TurnTokens> turns_of(const Json& sample, std::size_t tokens) {
  if (!sample.contains("turns")) return {metrics::turn_tokens(tokens, sample.value("finish", ""))};
  std::vector<metrics::TurnTokens> turns;
  for (const auto& turn : sample["turns"]) {
    turns.push_back(metrics::turn_tokens(turn.at("tokens").get<std::size_t>(),
                                         turn.at("finish").get_ref<const std::string&>()));
  }
  return turns;
}

}  // namespace

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
    auto output = sample.at("output").get<std::string>();
    auto tokens = sample.value("tokens", std::vector<std::string>());
    metrics::drop_ends(tokens, turns_of(sample, tokens.size()));
    auto references = example.value("references", std::vector<std::string>());
    if (example.value("fields", Json::object()).value("prompted", false)) {
      output = text::strip(output);
      for (auto& reference : references) reference = text::strip(reference);
    }
    answers.push_back(score({example, output, tokens, references}));
  }
  return answers;
}

Json score_text(const std::vector<std::string>& names, const std::string& source,
                const Scored& sample) {
  const metrics::ScoredText text{source, sample.output, sample.references, sample.tokens};
  Json scores = Json::object();
  for (const auto& name : names) {
    scores[name] = metric_json(metrics::find_metric(name)->of_text(text));
  }
  return scores;
}

std::vector<std::string> chosen_metrics(const std::vector<std::string>& chosen,
                                        const std::vector<const char*>& known) {
  if (chosen.empty()) return {known.begin(), known.end()};
  for (const auto& name : chosen) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    throw sdk::Failure(
        TRELLIS_INVALID_ARGUMENT,
        fmt::format("metrics: there is no \"{}\"; there are: {}", name, fmt::join(known, ", ")));
  }
  for (const auto& name : chosen) {
    const auto* metric = metrics::find_metric(name);
    if (metric == nullptr || metric->require == nullptr) continue;
    try {
      metric->require();
    } catch (const Error& error) {
      throw sdk::Failure(TRELLIS_NOT_FOUND, fmt::format("metrics: {}: {}", name, error.what()));
    }
  }
  return chosen;
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
