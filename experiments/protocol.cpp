#include "experiments/protocol.hpp"

#include <fmt/format.h>

#include "core/plugin/boundary.hpp"
#include "core/text/json.hpp"

namespace trellis::storage {

// Found by the JSON library through argument-dependent lookup, hence in the types' namespace.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(TrialTotals, prompt_tokens, delivered_tokens, computed_tokens,
                                   seconds)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(SweepTotals, trials, samples, prompt_tokens, prompt_tokens_saved,
                                   delivered_tokens, computed_tokens, computed_tokens_saved,
                                   peak_states, seconds)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Token, id, text, log_probability, entropy, rank, alternatives)

}  // namespace trellis::storage

namespace trellis::metrics {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(WordGroup, name, entries)

}  // namespace trellis::metrics

namespace trellis::experiments {

using nlohmann::json;

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(PluginJob, plugin, settings)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(DraftJob, plugin, path)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(SurveyJob, tasks, overlap_words, groups)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(TrialJob, id, task, strategy, processors, draft, seed, stream,
                                   samples, done)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ModelJob, model, folder, train, training_task, seed, tasks,
                                   trials, together, share, shuffle, limit, max_new_tokens,
                                   batch_size, state_memory, top_alternatives)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ScoreJob, database, task, trials)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(SharedRun, example, share)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(TaskFacts, train, valid, test, contaminated, overlaps,
                                   comparable, word_counts)

std::string to_line(const Job& job) {
  json folders = json::array();
  for (const auto& folder : job.plugin_folders) folders.push_back(folder.string());
  json object = {{"kind", job.kind}, {"plugin_folders", folders}, {"threads", job.threads}};
  if (job.kind == "survey") object["survey"] = job.survey;
  if (job.kind == "model") object["model"] = job.model;
  if (job.kind == "score") object["score"] = job.score;
  return write_json(object) + '\n';
}

Job job_from(const std::string& line) {
  try {
    const auto object = parse_json(line);
    Job job;
    job.kind = object.at("kind").get<std::string>();
    job.threads = object.at("threads").get<int>();
    for (const auto& folder : object.at("plugin_folders")) {
      job.plugin_folders.emplace_back(folder.get<std::string>());
    }
    if (job.kind == "survey") object.at("survey").get_to(job.survey);
    if (job.kind == "model") object.at("model").get_to(job.model);
    if (job.kind == "score") object.at("score").get_to(job.score);
    return job;
  } catch (const json::exception& exception) {
    throw Error(Fault::bad_data,
                fmt::format("a worker's job: {}", plugin::one_line(exception.what())));
  }
}

json event_from(const std::string& line) {
  try {
    auto event = parse_json(line);
    if (event.is_object() && event.value("event", json()).is_string()) return event;
  } catch (const std::exception&) {
    // As below: the reason is of no use to a person, since plugins do not write events.
  }
  throw Error(Fault::plugin,
              "the worker sent a malformed event; a plugin may write to descriptor 3 or damage "
              "memory");
}

json facts_to_json(const TaskFacts& facts) {
  return facts;
}

TaskFacts facts_from_json(const json& json) {
  return json.get<TaskFacts>();
}

json totals_to_json(const storage::TrialTotals& totals) {
  return totals;
}

storage::TrialTotals totals_from_json(const json& json) {
  return json.get<storage::TrialTotals>();
}

json sweep_to_json(const storage::SweepTotals& totals) {
  json object = totals;
  if (totals.peak_state_bytes) object["peak_state_bytes"] = *totals.peak_state_bytes;
  return object;
}

storage::SweepTotals sweep_from_json(const json& json) {
  auto totals = json.get<storage::SweepTotals>();
  if (json.contains("peak_state_bytes")) {
    totals.peak_state_bytes = json["peak_state_bytes"].get<std::uint64_t>();
  }
  return totals;
}

json sample_to_json(const storage::SampleRecord& sample) {
  json metrics = json::object();
  for (const auto& [name, metric] : sample.metrics) {
    metrics[name] = {{"value", metric.value ? json(*metric.value) : json()},
                     {"statistics", metric.statistics}};
  }
  return {{"example_index", sample.example_index},
          {"example_id", sample.example_id},
          {"sample_index", sample.sample_index},
          {"source", sample.source},
          {"prefix", sample.prefix},
          {"output", sample.output},
          {"references", sample.references},
          {"fields", sample.fields},
          {"finish", sample.finish},
          {"score", sample.score},
          {"seconds", sample.seconds},
          {"tokens", sample.tokens},
          {"metrics", metrics},
          {"details", sample.details},
          {"expert_use", sample.expert_use}};
}

storage::SampleRecord sample_from_json(const json& json) {
  storage::SampleRecord sample;
  json.at("example_index").get_to(sample.example_index);
  json.at("example_id").get_to(sample.example_id);
  json.at("sample_index").get_to(sample.sample_index);
  json.at("source").get_to(sample.source);
  json.at("prefix").get_to(sample.prefix);
  json.at("output").get_to(sample.output);
  json.at("references").get_to(sample.references);
  sample.fields = json.at("fields");
  json.at("finish").get_to(sample.finish);
  json.at("score").get_to(sample.score);
  json.at("seconds").get_to(sample.seconds);
  json.at("tokens").get_to(sample.tokens);
  for (const auto& [name, metric] : json.at("metrics").items()) {
    auto& value = sample.metrics[name];
    if (!metric.at("value").is_null()) value.value = metric["value"].get<double>();
    metric.at("statistics").get_to(value.statistics);
  }
  sample.details = json.at("details");
  sample.expert_use = json.at("expert_use");
  return sample;
}

}  // namespace trellis::experiments
