// What the tasks make of their data: windows of a text, turns of a dialogue, forms of a program.
#include <gmock/gmock.h>

#include "core/plugin/task.hpp"
#include "tests/abi/host.hpp"

namespace trellis::tests {
namespace {

using plugin::Kind;
using testing::ElementsAre;
using testing::HasSubstr;

class TaskData : public testing::Test {
 protected:
  // The test examples of `text` in a file of that name.
  std::vector<plugin::Example> examples(const std::string& task, const std::string& file,
                                        const std::string& text, nlohmann::json settings = {}) {
    write_file(folder_ / file, text);
    settings["test"] = (folder_ / file).string();
    auto made = plugin::Task::create(
        registry_, task,
        plugin::complete_settings(registry_.get(Kind::task, task).settings, settings));
    std::vector<plugin::Example> all;
    for (std::uint64_t i = 0; i < made.count(TRELLIS_SPLIT_TEST); ++i) {
      all.push_back(made.example(TRELLIS_SPLIT_TEST, i));
    }
    return all;
  }

  TemporaryFolder folder_;
  plugin::Registry registry_{{built_plugins()}, quiet_host()};
};

TEST_F(TaskData, ContinuationScoresEveryCharacterOnceAfterTheFirstPrefix) {
  const auto windows = examples("continuation", "a.txt", "abcdéfghij",
                                {{"prefix_characters", 3}, {"target_characters", 3}});
  ASSERT_EQ(windows.size(), 3U);
  EXPECT_EQ(windows[0].prefix, "abc");
  EXPECT_THAT(windows[0].references, ElementsAre("déf"));
  EXPECT_EQ(windows[1].prefix, "déf");
  EXPECT_THAT(windows[1].references, ElementsAre("ghi"));
  EXPECT_EQ(windows[2].prefix, "ghi");
  EXPECT_THAT(windows[2].references, ElementsAre("j"));
  EXPECT_FALSE(windows[0].reference_ends);
  EXPECT_FALSE(windows[1].reference_ends);
  EXPECT_TRUE(windows[2].reference_ends);
}

TEST_F(TaskData, ContinuationTakesTheOpeningOfEachRecord) {
  const auto openings =
      examples("continuation", "a.jsonl",
               "{\"text\": \"abcdefgh\", \"title\": \"letters\"}\n{\"text\": \"abcd\"}\n"
               "{\"prefix\": \"one\", \"references\": [\" two\"], \"language\": \"en\"}\n",
               {{"prefix_characters", 3}, {"target_characters", 3}});
  ASSERT_EQ(openings.size(), 3U);
  EXPECT_THAT(openings[0].references, ElementsAre("def"));
  EXPECT_FALSE(openings[0].reference_ends);
  EXPECT_EQ(openings[0].fields.at("title"), "letters");
  EXPECT_THAT(openings[1].references, ElementsAre("d"));
  EXPECT_TRUE(openings[1].reference_ends);
  EXPECT_EQ(openings[2].prefix, "one");
  EXPECT_TRUE(openings[2].reference_ends);
  EXPECT_EQ(openings[2].fields.at("language"), "en");
}

TEST_F(TaskData, DialogueAsksForEveryTurnButTheFirst) {
  const auto* line = "{\"id\": 7, \"turns\": [\"a\", \"bb\", \"ccc\"], \"seen_opening\": true}\n";
  const auto turns = examples("dialogue", "a.jsonl", line);
  ASSERT_EQ(turns.size(), 2U);
  EXPECT_EQ(turns[0].id, "7-1");
  EXPECT_EQ(turns[0].source, "a");
  EXPECT_THAT(turns[0].references, ElementsAre("bb"));
  EXPECT_THAT(turns[0].stop, ElementsAre("\n"));
  EXPECT_EQ(turns[1].source, "a\nbb");
  EXPECT_EQ(turns[1].fields, nlohmann::json({{"seen_opening", true}}));
}

TEST_F(TaskData, DialogueDropsTheOldestTurns) {
  const auto* line = "{\"turns\": [\"a\", \"bb\", \"ééé\", \"dddd\", \"e\"]}\n";
  EXPECT_EQ(examples("dialogue", "a.jsonl", line, {{"context_turns", 2}}).back().source,
            "ééé\ndddd");
  // Characters of the turns and of the line feeds between them.
  const auto within = [&](int characters) {
    return examples("dialogue", "a.jsonl", line,
                    {{"context_turns", 10}, {"context_characters", characters}})
        .back()
        .source;
  };
  EXPECT_EQ(within(0), "a\nbb\nééé\ndddd");
  EXPECT_EQ(within(11), "bb\nééé\ndddd");
  EXPECT_EQ(within(10), "ééé\ndddd");
  EXPECT_EQ(within(8), "ééé\ndddd");
  EXPECT_EQ(within(7), "dddd");
  EXPECT_EQ(within(1), "dddd");  // the last turn is always shown
}

TEST_F(TaskData, CodeReadsHumanEvalMbppAndLines) {
  const nlohmann::json human_eval = {
      {"task_id", "HumanEval/0"},
      {"prompt", "def f():\n"},
      {"entry_point", "f"},
      {"canonical_solution", "    return 1\n"},
      {"test", "def check(candidate):\n    assert candidate() == 1\n"}};
  const nlohmann::json mbpp = {{"task_id", 11},
                               {"text", "Write f."},
                               {"code", "def f(): return 1"},
                               {"test_list", {"assert f() == 1", "assert f()", "assert 1"}},
                               {"test_setup_code", "import math"}};
  const nlohmann::json line = {{"source", "return one"}, {"references", {"return 1"}}};
  std::string lines;
  for (const auto& record : {human_eval, mbpp, line}) lines += record.dump() + "\n";
  const auto programs = examples("code", "a.jsonl", lines);
  ASSERT_EQ(programs.size(), 3U);
  EXPECT_EQ(programs[0].id, "HumanEval/0");
  EXPECT_EQ(programs[0].prefix, "def f():");
  EXPECT_THAT(programs[0].references, ElementsAre("\n    return 1\n"));
  EXPECT_THAT(programs[0].fields.at("tests").get<std::string>(), HasSubstr("check(f)"));
  EXPECT_EQ(programs[1].id, "11");
  EXPECT_EQ(programs[1].source, "Write f.\nassert f() == 1");
  EXPECT_EQ(programs[1].fields.at("tests"), "import math\nassert f() == 1\nassert f()\nassert 1\n");
  EXPECT_FALSE(programs[2].fields.contains("tests"));
}

}  // namespace
}  // namespace trellis::tests
