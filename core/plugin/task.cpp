#include "core/plugin/task.hpp"

#include <fmt/format.h>

#include "core/plugin/boundary.hpp"
#include "core/text/json.hpp"

namespace trellis::plugin {
namespace {

using nlohmann::json;

// What the model is asked.
void read_question(const json& json, Example& example) {
  example.source = json.value("source", "");
  example.prefix = json.value("prefix", "");
  example.stop = json.value("stop", std::vector<std::string>());
  example.max_new_tokens = json.value("max_new_tokens", std::size_t{0});
}

Example parse_example(const json& json) {
  Example example;
  example.id = json.at("id").get<std::string>();
  read_question(json, example);
  example.references = json.value("references", std::vector<std::string>());
  example.reference_ends = json.value("reference_ends", true);
  example.fields = json.value("fields", nlohmann::json());
  return example;
}

json example_json(const Example& example) {
  json object = {{"id", example.id}, {"references", example.references}};
  if (!example.source.empty()) object["source"] = example.source;
  if (!example.prefix.empty()) object["prefix"] = example.prefix;
  if (!example.stop.empty()) object["stop"] = example.stop;
  if (example.max_new_tokens > 0) object["max_new_tokens"] = example.max_new_tokens;
  if (!example.fields.is_null()) object["fields"] = example.fields;
  return object;
}

Scores parse_scores(const json& json) {
  Scores scores;
  for (const auto& [name, metric] : json.at("metrics").items()) {
    metrics::SampleValue value;
    if (const auto found = metric.find("value"); found != metric.end() && !found->is_null()) {
      value.value = found->get<double>();
    }
    value.statistics = metric.value("statistics", std::vector<double>());
    scores.metrics.emplace(name, std::move(value));
  }
  scores.details = json.value("details", nlohmann::json());
  return scores;
}

}  // namespace

json turns_to_json(std::span<const Turn> turns) {
  json list = json::array();
  for (const auto& turn : turns) {
    list.push_back({{"output", turn.text}, {"finish", turn.finish}, {"tokens", turn.tokens}});
  }
  return list;
}

std::vector<Turn> turns_of_details(const json& details) {
  std::vector<Turn> turns;
  if (!details.contains(kTurnsDetail)) return turns;
  try {
    for (const auto& turn : details[kTurnsDetail]) {
      turns.push_back({turn.at("output").get<std::string>(), turn.at("finish").get<std::string>(),
                       turn.at("tokens").get<std::size_t>()});
    }
  } catch (const json::exception&) {
    return {};
  }
  return turns;
}

Task Task::create(Registry& registry, std::string_view id, const json& settings) {
  const auto& factory = factory_of<trellis_task_factory>(registry, Kind::task, id);
  trellis_task* task = nullptr;
  call(fmt::format("task {}", id),
       [&](trellis_error* error) { return factory.create(settings.dump().c_str(), &task, error); });
  return Task(task, registry.get(Kind::task, id).json);
}

Task::Task(trellis_task* task, const json& description)
    : task_(adopt("task", task, offsetof(trellis_task, get_ability))) {
  if (!task->count || !task->example || !task->score) {
    throw Error(Fault::plugin, "task: its struct lacks a function");
  }
  if (task->struct_size >= sizeof(trellis_task) && task->get_ability) {
    turns_ =
        static_cast<const trellis_task_turns*>(task->get_ability(task, TRELLIS_TASK_TURNS_ABILITY));
  }
  if (turns_ != nullptr) {
    require_size("task turns", turns_->struct_size, sizeof(trellis_task_turns));
    if (!turns_->next) throw Error(Fault::plugin, "task turns: its struct lacks next");
  }
  try {
    for (const auto& metric : description.value("metrics", json::array())) {
      metrics_.push_back({metric.at("name").get<std::string>(), metric.value("summary", ""),
                          metric.value("higher_is_better", true)});
    }
    likelihood_ = description.value("likelihood", false);
  } catch (const json::exception& exception) {
    throw Error(Fault::plugin, fmt::format("malformed task description: {}", exception.what()));
  }
}

std::uint64_t Task::count(trellis_split split) {
  std::uint64_t count = 0;
  call("task",
       [&](trellis_error* error) { return task_->count(task_.get(), split, &count, error); });
  return count;
}

Example Task::example(trellis_split split, std::uint64_t index) {
  const auto what = fmt::format("task example {}", index);
  const auto json = call_for_json(what, [&](auto* sink, auto* error) {
    return task_->example(task_.get(), split, index, sink, error);
  });
  try {
    return parse_example(json);
  } catch (const nlohmann::json::exception& exception) {
    throw Error(Fault::plugin, fmt::format("{}: malformed: {}", what, exception.what()));
  }
}

std::vector<Scores> Task::score(std::span<const Example> examples,
                                std::span<const Output> outputs) {
  json samples = json::array();
  for (std::size_t i = 0; i < examples.size(); ++i) {
    auto& sample = samples.emplace_back(json{{"example", example_json(examples[i])},
                                             {"output", outputs[i].text},
                                             {"finish", outputs[i].finish},
                                             {"tokens", outputs[i].tokens}});
    if (!outputs[i].turns.empty()) sample["turns"] = turns_to_json(outputs[i].turns);
  }
  const std::string text = write_json(samples);
  const auto json = call_for_json("task score", [&](auto* sink, auto* error) {
    return task_->score(task_.get(), span_of(text), sink, error);
  });
  if (!json.is_array() || json.size() != examples.size()) {
    throw Error(Fault::plugin, fmt::format("task score: gave {} answers for {} samples",
                                           json.is_array() ? json.size() : 0, examples.size()));
  }
  std::vector<Scores> scores;
  scores.reserve(examples.size());
  try {
    for (const auto& answer : json) scores.push_back(parse_scores(answer));
  } catch (const nlohmann::json::exception& exception) {
    throw Error(Fault::plugin, fmt::format("task score: malformed: {}", exception.what()));
  }
  return scores;
}

std::optional<Example> Task::next_turn(const Example& example, std::span<const Turn> turns) {
  const std::string text =
      write_json({{"example", example_json(example)}, {"turns", turns_to_json(turns)}});
  const auto json = call_for_json("task next turn", [&](auto* sink, auto* error) {
    return turns_->next(task_.get(), span_of(text), sink, error);
  });
  if (json.is_null()) return std::nullopt;
  Example next = example;
  try {
    read_question(json, next);
  } catch (const nlohmann::json::exception& exception) {
    throw Error(Fault::plugin, fmt::format("task next turn: malformed: {}", exception.what()));
  }
  return next;
}

}  // namespace trellis::plugin
