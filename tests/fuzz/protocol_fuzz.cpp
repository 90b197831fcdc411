// What a worker in whose memory a plugin has written may send, and what a worker may be sent.
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "experiments/protocol.hpp"
#include "tests/fuzz/mutate.hpp"
#include "tests/unit/storage_fixture.hpp"

namespace trellis::fuzz {
namespace {

using namespace experiments;

const std::vector<std::string> kWords = {"[",
                                         "]",
                                         "{",
                                         "}",
                                         ",",
                                         ":",
                                         "\"",
                                         "null",
                                         "true",
                                         "-1",
                                         "1e999",
                                         "\"event\"",
                                         "\\ud800",
                                         "\xFF",
                                         "\"metrics\":{\"m\":{}}",
                                         "\"tokens\":[[]]",
                                         "\n",
                                         std::string(5000, '['),
                                         "{\"a\":"};

TEST(ProtocolFuzz, Events) {
  auto sample = trellis::testing::sample_record(1, 0.5);
  sample.details = {{"a", {1, 2}}};
  const TaskFacts facts{8, 2, 4, {"a"}, {{"b", 0.5}}, 3, {1, 0, 1}, ""};
  const std::vector<std::string> corpus = {
      nlohmann::json{{"event", "sample"}, {"trial", "t"}, {"sample", sample_to_json(sample)}}
          .dump(),
      nlohmann::json{{"event", "trial_done"}, {"totals", totals_to_json({1, 2, 3, 0.5})}}.dump(),
      nlohmann::json{{"event", "task"}, {"facts", facts_to_json(facts)}}.dump()};
  const auto accepted = fuzz(Mutator(1, corpus, kWords), 4000, [](const auto& line) {
    const auto event = event_from(line);
    try {
      if (event.contains("sample")) sample_from_json(event.at("sample"));
      if (event.contains("totals")) totals_from_json(event.at("totals"));
      if (event.contains("facts")) facts_from_json(event.at("facts"));
    } catch (const nlohmann::json::exception& exception) {
      throw Error(Fault::plugin, exception.what());
    }
  });
  EXPECT_GT(accepted, 10);
}

TEST(ProtocolFuzz, Jobs) {
  Job model;
  model.kind = "model";
  model.plugin_folders = {"/plugins"};
  model.model.model = {"ngram", {{"order", 3}}};
  model.model.tasks = {{"translation", {{"test", "x"}}}};
  model.model.trials = {{"t1",
                         0,
                         {"speculative", {}},
                         {{"top_p", {{"p", 0.5}}}},
                         {"ngram", "/draft"},
                         1,
                         0,
                         1,
                         {{0, 0}},
                         0}};
  Job survey;
  survey.kind = "survey";
  survey.survey = {model.model.tasks, 13, {{"female", {"she", "her"}}}};
  Job score;
  score.kind = "score";
  score.score = {"x.db", {"translation", {}}, {"t1"}};
  const auto accepted = fuzz(Mutator(2, {to_line(model), to_line(score), to_line(survey)}, kWords),
                             4000, [](const auto& line) {
                               // What is understood can be said again.
                               const auto again = to_line(job_from(line));
                               ASSERT_EQ(to_line(job_from(again)), again);
                             });
  EXPECT_GT(accepted, 10);
}

}  // namespace
}  // namespace trellis::fuzz
