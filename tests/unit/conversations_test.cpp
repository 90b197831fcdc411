// Conversations of a model with itself: what the dialogue task asks, and how samples share it.
#include "experiments/conversations.hpp"

#include <gmock/gmock.h>

#include "experiments/trial_metrics.hpp"
#include "tests/abi/host.hpp"

namespace trellis::tests {
namespace {

using experiments::Round;
using plugin::Kind;
using testing::ElementsAre;
using testing::HasSubstr;

class SelfPlay : public testing::Test {
 protected:
  plugin::Task make(nlohmann::json settings, const std::string& lines = "") {
    write_file(folder_ / "a.jsonl", lines);
    settings["test"] = (folder_ / "a.jsonl").string();
    const nlohmann::json scored = {{"metrics", {"repeated_turns", "length", "distinct_1"}}};
    if (!settings.contains("metrics")) settings.update(scored);
    return plugin::Task::create(
        registry_, "dialogue",
        plugin::complete_settings(registry_.get(Kind::task, "dialogue").settings, settings));
  }

  TemporaryFolder folder_;
  plugin::Registry registry_{{built_plugins()}, quiet_host()};
};

const auto* const kLines =
    "{\"id\": \"d\", \"turns\": [\"Hello?\", \"Hi.\", \"Bye.\"], \"place\": \"shop\"}\n"
    "{\"source\": \"One\", \"references\": [\"two\"]}\n";

TEST_F(SelfPlay, BeginsOnceWithTheOpeningOfEveryDialogue) {
  auto task = make({{"self_play", 2}}, kLines);
  EXPECT_TRUE(task.has_turns());
  ASSERT_EQ(task.count(TRELLIS_SPLIT_TEST), 2U);
  const auto first = task.example(TRELLIS_SPLIT_TEST, 0);
  EXPECT_EQ(first.id, "d");
  EXPECT_EQ(first.source, "Hello?");
  EXPECT_TRUE(first.references.empty());
  EXPECT_EQ(first.fields, nlohmann::json({{"place", "shop"}, {"opening", "Hello?"}}));
  EXPECT_EQ(task.example(TRELLIS_SPLIT_TEST, 1).source, "One");
  EXPECT_FALSE(make({{"metrics", {"chrf"}}}, kLines).has_turns());
}

TEST_F(SelfPlay, AsksAfterTheModelsOwnTurns) {
  auto task = make({{"self_play", 3}, {"context_turns", 2}, {"max_new_tokens", 9}}, kLines);
  const auto opening = task.example(TRELLIS_SPLIT_TEST, 0);
  const std::vector<plugin::Turn> said = {{" Hi ", "eos", 2}, {"What?", "stop", 3}, {"", "eos", 1}};
  const auto second = task.next_turn(opening, std::span(said).first(1));
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->source, "Hello?\nHi");
  EXPECT_THAT(second->stop, ElementsAre("\n"));
  EXPECT_EQ(second->max_new_tokens, 9U);
  EXPECT_EQ(task.next_turn(opening, std::span(said).first(2))->source, "Hi\nWhat?");
  EXPECT_FALSE(task.next_turn(opening, said).has_value());
}

TEST_F(SelfPlay, AsksInTheWordsOfATemplate) {
  auto task = make({{"self_play", 2}, {"prompt", "In a {place}:\n{source}\n> {target}<end>"}},
                   "{\"turns\": [\"Hello?\"], \"place\": \"shop\"}\n");
  const auto opening = task.example(TRELLIS_SPLIT_TEST, 0);
  EXPECT_EQ(opening.prefix, "In a shop:\nHello?\n>");
  const auto next = task.next_turn(opening, std::vector<plugin::Turn>{{" Hi.", "stop", 2}});
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->prefix, "In a shop:\nHello?\nHi.\n>");
  EXPECT_EQ(next->source, "");
  EXPECT_THAT(next->stop, ElementsAre("\n", "<end>"));
}

TEST_F(SelfPlay, ScoresAConversationAsAWhole) {
  auto task = make({{"self_play", 3}}, kLines);
  const auto opening = task.example(TRELLIS_SPLIT_TEST, 0);
  const plugin::Output output{"a\nb\na",
                              "length",
                              {"a", "<eos>", "b", "\n", "a"},
                              {{"a", "eos", 2}, {"b", "stop", 2}, {"a", "length", 1}}};
  auto scores = task.score({&opening, 1}, {&output, 1}).front().metrics;
  EXPECT_EQ(*scores["repeated_turns"].value, 1 - 2.0 / 3);
  EXPECT_EQ(*scores["length"].value, 4);  // without the end symbol
  EXPECT_EQ(*scores["distinct_1"].value, 0.75);
  EXPECT_EQ(scores.size(), 3U);
}

TEST_F(SelfPlay, SaysWhichMetricsThereAre) {
  const auto problem = [&](const nlohmann::json& settings) {
    return message_of([&] { make(settings, kLines); });
  };
  EXPECT_THAT(problem({{"self_play", 2}, {"metrics", nlohmann::json::array()}}),
              HasSubstr("self_play = 2: there are no references to score by; name the `metrics`"));
  EXPECT_THAT(problem({{"self_play", 2}, {"metrics", {"chrf"}}}),
              HasSubstr("metrics: there is no \"chrf\"; there are: repeated_turns, distinct_1"));
  EXPECT_THAT(problem({{"metrics", {"repeated_turns"}}}),
              HasSubstr("metrics: there is no \"repeated_turns\"; there are: chrf"));
  auto task = make({{"self_play", 2}}, "{\"turns\": []}\n");
  EXPECT_THAT(message_of([&] { task.count(TRELLIS_SPLIT_TEST); }),
              HasSubstr("a.jsonl:1:1: \"turns\" must hold at least one turn"));
}

TEST_F(SelfPlay, IsScoredByWhatItNamesAndAnswersByTheRest) {
  const auto names = [&](const nlohmann::json& settings) {
    std::vector<std::string> all;
    const auto& description = registry_.get(Kind::task, "dialogue").json;
    for (const auto& metric : experiments::metrics_of_task(description, settings)) {
      all.push_back(metric.at("name"));
    }
    return all;
  };
  EXPECT_THAT(names({{"metrics", {"repeated_turns", "length"}}}),
              ElementsAre("repeated_turns", "length"));
  EXPECT_THAT(names({{"metrics", nlohmann::json::array()}}),
              ElementsAre("chrf", "bleu", "f1", "exact_match", "distinct_1", "distinct_2",
                          "repetition", "length"));
}

TEST(Conversations, AskedTheSameShareAPrompt) {
  const auto ask = [](std::uint64_t example, const char* source, std::uint32_t turn = 0) {
    return decode::Prompt{example, source, "", {"\n"}, 8, turn};
  };
  Round round;
  round.add(0, ask(0, "a"), {0, 0, 0, 7, 0});
  round.add(1, ask(0, "b"), {0, 1, 0, 7, 0});
  round.add(2, ask(0, "a"), {0, 2, 0, 7, 0});
  round.add(3, ask(1, "a"), {0, 0, 0, 7, 0});  // another example's noise is another
  round.add(4, ask(1, "a", 1), {0, 1, 0, 7, 0});
  ASSERT_EQ(round.prompts.size(), 4U);
  EXPECT_THAT(round.samples, ElementsAre(0U, 2U, 1U, 3U, 4U));
  std::vector<std::size_t> prompts;
  std::vector<std::size_t> arms;
  for (const auto& request : round.requests) {
    prompts.push_back(request.prompt);
    arms.push_back(request.arm);
  }
  EXPECT_THAT(prompts, ElementsAre(0U, 0U, 1U, 2U, 3U));
  EXPECT_THAT(arms, ElementsAre(0U, 2U, 1U, 0U, 1U));
}

}  // namespace
}  // namespace trellis::tests
