// What the tasks make of their data: windows of a text, turns of a dialogue, forms of a program,
// prompts with solved examples, subsets.
#include <gmock/gmock.h>

#include <set>

#include "core/plugin/task.hpp"
#include "core/text/unicode.hpp"
#include "tests/abi/host.hpp"

namespace trellis::tests {
namespace {

using plugin::Kind;
using testing::ElementsAre;
using testing::HasSubstr;

class TaskData : public testing::Test {
 protected:
  plugin::Task make(const std::string& task, const nlohmann::json& settings) {
    return plugin::Task::create(
        registry_, task,
        plugin::complete_settings(registry_.get(Kind::task, task).settings, settings));
  }

  // The test examples of `text` in a file of that name.
  std::vector<plugin::Example> examples(const std::string& task, const std::string& file,
                                        const std::string& text, nlohmann::json settings = {}) {
    write_file(folder_ / file, text);
    settings["test"] = (folder_ / file).string();
    auto made = make(task, settings);
    std::vector<plugin::Example> all;
    for (std::uint64_t i = 0; i < made.count(TRELLIS_SPLIT_TEST); ++i) {
      all.push_back(made.example(TRELLIS_SPLIT_TEST, i));
    }
    return all;
  }

  std::string problem(const std::string& task, const std::string& text,
                      const nlohmann::json& settings) {
    try {
      examples(task, "a.jsonl", text, settings);
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
      return error.what();
    }
    return "";
  }

  // Scores of one output after the only test example.
  std::map<std::string, metrics::SampleValue, std::less<>> score(
      const std::string& task, const plugin::Example& example, const std::string& output,
      const nlohmann::json& settings = nlohmann::json::object()) {
    return make(task, settings)
        .score({&example, 1}, std::vector<plugin::Output>{{output, "eos", {output, "<eos>"}}})
        .front()
        .metrics;
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

TEST_F(TaskData, QuestionsComeBeforeTheirText) {
  const auto* line =
      "{\"id\": \"q\", \"title\": \"t\", \"context\": \"It is red.\", \"question\": \"Which?\", "
      "\"references\": [\"red\", \"It is red\"], \"answer_starts\": [6, 0]}\n";
  const auto found = examples("qa", "a.jsonl", line);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].source, "Which?\nIt is red.");
  EXPECT_EQ(found[0].fields, nlohmann::json({{"title", "t"}}));
  EXPECT_THAT(found[0].stop, ElementsAre("\n"));
  const auto scores = score("qa", found[0], "The Red!");
  EXPECT_EQ(scores.at("exact_match").value, 1);
  EXPECT_EQ(scores.at("f1").value, 1);
  // A template may name what is not kept with every sample.
  const auto prompted =
      examples("qa", "a.jsonl", line, {{"prompt", "{context} {question}: {target}\n\n"}});
  EXPECT_EQ(prompted[0].prefix, "It is red. Which?:");
  EXPECT_EQ(prompted[0].fields, nlohmann::json({{"title", "t"}, {"prompted", true}}));
}

TEST_F(TaskData, ChineseAnswersAreComparedByCharacters) {
  plugin::Example example;
  example.id = "1";
  example.references = {"北京"};
  EXPECT_NEAR(*score("qa", example, "北京市。", {{"language", "zh"}}).at("f1").value, 0.8, 1e-12);
  EXPECT_EQ(score("qa", example, "北京市。").at("f1").value, 0);  // one English word, another one
  EXPECT_EQ(score("qa", example, "", {{"language", "zh"}}).at("f1").value, 0);
}

TEST_F(TaskData, RewritingIsComparedWithItsSource) {
  const auto* line = "{\"source\": \"He go home .\", \"references\": [\"He goes home .\"]}\n";
  const auto found = examples("rewriting", "a.jsonl", line);
  EXPECT_EQ(score("rewriting", found[0], "He go home .").at("unchanged").value, 1);
  EXPECT_NEAR(*score("rewriting", found[0], "He goes home .").at("gleu").value, 100, 1e-9);
  const auto two = score("rewriting", found[0], "x", {{"metrics", {"sari", "gleu"}}});
  EXPECT_TRUE(two.contains("sari"));
  EXPECT_FALSE(two.contains("bleu"));
  // With a prompt the source is still what is rewritten.
  const auto prompted = examples("rewriting", "a.jsonl", line,
                                 {{"prompt", "Correct: {source}\nCorrected: {target}\n"}});
  EXPECT_EQ(prompted[0].prefix, "Correct: He go home .\nCorrected:");
  EXPECT_THAT(prompted[0].references, ElementsAre(" He goes home ."));
  EXPECT_EQ(score("rewriting", prompted[0], " He go home .").at("unchanged").value, 1);
}

TEST_F(TaskData, RewritingLeavesAGapInTheMiddle) {
  const auto gaps =
      examples("rewriting", "a.jsonl",
               "{\"text\": \"one two three four five\"}\n{\"text\": \"天地玄黄宇\"}\n",
               {{"gap", 0.4}, {"gap_mark", "_"}});
  EXPECT_EQ(gaps[0].source, "one _ four five");
  EXPECT_THAT(gaps[0].references, ElementsAre("two three"));
  EXPECT_EQ(gaps[1].source, "天_黄宇");
  EXPECT_THAT(gaps[1].references, ElementsAre("地玄"));
  EXPECT_THAT(problem("rewriting", "{\"text\": \"ab\"}\n", {}), HasSubstr("a.jsonl:1:1: \"text\""));
}

TEST_F(TaskData, InfillingLeavesTheSameGapsOutEveryTime) {
  const std::string text = "My sister is reading  a book in the garden.";
  const auto line = nlohmann::json{{"source", text}, {"references", {"auf Deutsch"}}}.dump() + "\n";
  const nlohmann::json settings = {{"field", "source"}, {"longest", 2}};
  const auto found = examples("infilling", "a.jsonl", line, settings);
  ASSERT_EQ(found.size(), 1U);
  const auto& reference = found[0].references.at(0);
  const auto gap = found[0].source.find("___");
  ASSERT_NE(gap, std::string::npos);
  // Text and gap together are the text again; white space before the gap belongs to it.
  EXPECT_EQ(found[0].source.substr(0, gap) + reference + found[0].source.substr(gap + 3), text);
  EXPECT_TRUE(gap == 0 || reference.front() == ' ');
  EXPECT_THAT(found[0].references, testing::SizeIs(1));
  EXPECT_LE(std::count(reference.begin(), reference.end(), ' '), 3);
  EXPECT_EQ(examples("infilling", "b.jsonl", line, settings)[0].source, found[0].source);
  // Of training texts there are several.
  write_file(folder_ / "train.jsonl", line);
  auto task =
      make("infilling",
           {{"train", (folder_ / "train.jsonl").string()}, {"field", "source"}, {"gaps", 5}});
  ASSERT_EQ(task.count(TRELLIS_SPLIT_TRAIN), 5U);
  std::set<std::string> sources;
  for (std::uint64_t i = 0; i < 5; ++i) {
    sources.insert(task.example(TRELLIS_SPLIT_TRAIN, i).source);
  }
  EXPECT_GT(sources.size(), 1U);
  const auto scores = score("infilling", found[0], std::string(text::strip(reference)) + " ");
  EXPECT_EQ(scores.at("exact_match").value, 1);
}

TEST_F(TaskData, InfillingCutsTextWithoutSpacesBetweenCharacters) {
  const auto found =
      examples("infilling", "a.jsonl", "{\"text\": \"天地玄黄🙂宇\"}\n", {{"longest", 2}});
  const auto gap = found[0].source.find("___");
  EXPECT_EQ(
      found[0].source.substr(0, gap) + found[0].references.at(0) + found[0].source.substr(gap + 3),
      "天地玄黄🙂宇");
  EXPECT_LE(text::split_code_points(found[0].references.at(0)).size(), 2U);
  EXPECT_THAT(problem("infilling", "{\"text\": \"天\"}\n", {}),
              HasSubstr("a.jsonl:1:1: \"text\" is too short to leave something out of it"));
  EXPECT_THAT(problem("infilling", "{\"source\": \"a b\"}\n", {}),
              HasSubstr("a.jsonl:1:1: the key \"text\", which `field` names, is missing"));
}

TEST_F(TaskData, InfillingRewritesMarkedSpans) {
  const auto found = examples("infilling", "a.jsonl",
                              "{\"text\": \"She [[go]] home [[in]] Monday.\"}\n"
                              "{\"text\": \"[[Him]] went.\", \"references\": [\"He\", \"She\"]}\n");
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].source, "She___ home in Monday.");
  EXPECT_THAT(found[0].references, ElementsAre(" go"));
  EXPECT_EQ(found[1].source, "She go home___ Monday.");
  EXPECT_EQ(found[1].fields.at("span"), "in");
  EXPECT_EQ(found[2].source, "___ went.");
  EXPECT_THAT(found[2].references, ElementsAre("He", "She"));
  EXPECT_THAT(problem("infilling", "{\"text\": \"She [[go home.\"}\n", {}),
              HasSubstr("a.jsonl:1:1: \"text\": a span that \"[[\" opens is not closed by \"]]\""));
}

TEST_F(TaskData, CustomIsWhatItsSettingsSay) {
  const nlohmann::json settings = {{"prompt", "{city} is in {target}."},
                                   {"target", "country"},
                                   {"metrics", {"exact_match", "chrf"}},
                                   {"stop", {"\n"}}};
  const auto found =
      examples("custom", "a.jsonl",
               "{\"city\": \"Kyōto\", \"country\": [\"Japan\", \"日本\"], \"n\": 3}\n", settings);
  EXPECT_EQ(found[0].prefix, "Kyōto is in");
  EXPECT_THAT(found[0].references, ElementsAre(" Japan", " 日本"));
  EXPECT_THAT(found[0].stop, ElementsAre("\n", "."));
  const auto scores = score("custom", found[0], " Japan ", {{"metrics", {"exact_match"}}});
  EXPECT_EQ(scores.at("exact_match").value, 1);
  EXPECT_EQ(scores.size(), 1U);
}

TEST_F(TaskData, CustomTellsWhatIsWrongWithItsSettings) {
  const auto* line = "{\"source\": \"a\", \"answer\": \"b\"}\n";
  const nlohmann::json chrf = {"chrf"};
  EXPECT_THAT(problem("custom", line, {{"metrics", {"blue"}}}),
              HasSubstr("metrics: there is no \"blue\""));
  EXPECT_THAT(problem("custom", line, {{"target", "answer"}}),
              HasSubstr("metrics: name at least one"));
  EXPECT_THAT(problem("custom", line, {{"metrics", chrf}}),
              HasSubstr("a.jsonl:1:1: the key \"references\", which `target` names, is missing"));
  const auto with_prompt = [&](const char* prompt) {
    return problem("custom", line, {{"metrics", chrf}, {"target", "answer"}, {"prompt", prompt}});
  };
  EXPECT_EQ(with_prompt("{source} {target}"), "");
  EXPECT_THAT(with_prompt("é {sourc} {target}"),
              HasSubstr("character 3: no field \"sourc\"; there are: id, source, target"));
  EXPECT_THAT(with_prompt("{source"), HasSubstr("character 1: \"{\" is not closed"));
  EXPECT_THAT(with_prompt("source} {target}"), HasSubstr("character 7: \"}\" closes nothing"));
  EXPECT_THAT(with_prompt("{source}"), HasSubstr("{target} must say where the answer goes"));
  EXPECT_THAT(with_prompt("{target} {target}"), HasSubstr("{target} is there twice"));
  EXPECT_THAT(with_prompt("{target} {source}"), HasSubstr("stands behind {target}"));
  EXPECT_EQ(with_prompt("{{}} {target}"), "");
}

TEST_F(TaskData, SolvedExamplesStandBeforeEachTestExample) {
  write_file(
      folder_ / "train.jsonl",
      "{\"source\": \"one\", \"target\": \"eins\"}\n{\"source\": \"two\", \"target\": \"zwei\"}\n");
  const auto train = (folder_ / "train.jsonl").string();
  const auto* line = "{\"source\": \"three\", \"references\": [\"drei\"]}\n";
  const auto shown = examples("translation", "a.jsonl", line, {{"train", train}, {"shots", 2}});
  EXPECT_EQ(shown[0].prefix, "one\neins\n\ntwo\nzwei\n\nthree");
  EXPECT_EQ(shown[0].source, "");
  EXPECT_THAT(shown[0].references, ElementsAre("\ndrei"));
  EXPECT_THAT(shown[0].stop, ElementsAre("\n\n"));
  EXPECT_NEAR(*score("translation", shown[0], "\ndrei\n").at("exact_match").value, 1, 0);
  // What is shown in tests does not change what is learnt.
  auto task = make("translation", {{"train", train}, {"test", train}, {"shots", 2}});
  EXPECT_EQ(task.example(TRELLIS_SPLIT_TRAIN, 0).source, "one");
  EXPECT_THAT(problem("translation", line, {{"train", train}, {"shots", 3}}),
              HasSubstr("holds only 2 examples"));
  EXPECT_THAT(problem("translation", line, {{"shots", 1}}),
              HasSubstr("name a file by `shots_file`"));
  EXPECT_THAT(problem("translation", line,
                      {{"train", train}, {"shots", 1}, {"prompt", "{source} {target}"}}),
              HasSubstr("prompt: nothing stands behind {target}"));
}

TEST_F(TaskData, SubsetsAreChosenByField) {
  const auto* lines =
      "{\"source\": \"a\", \"target\": \"x\", \"kind\": \"long\", \"seen\": true}\n"
      "{\"source\": \"b\", \"target\": \"x\", \"kind\": \"short\", \"seen\": true}\n"
      "{\"source\": \"c\", \"target\": \"x\", \"kind\": \"long\", \"seen\": false}\n";
  const auto chosen =
      examples("translation", "a.jsonl", lines, {{"where", {"kind=long", "seen=false"}}});
  ASSERT_EQ(chosen.size(), 1U);
  EXPECT_EQ(chosen[0].source, "c");
  EXPECT_EQ(chosen[0].id, "test-3");  // its name is that among all
  EXPECT_THAT(problem("translation", lines, {{"where", {"kind=tiny"}}}),
              HasSubstr("where: no test example has kind=tiny; its values are: long, short"));
  EXPECT_THAT(problem("translation", lines, {{"where", {"size=1"}}}),
              HasSubstr("none has a field \"size\""));
  EXPECT_THAT(problem("translation", lines, {{"where", {"kind"}}}),
              HasSubstr("is not of the form field=value"));
}

// Of four: twice and the first and third; of two: the first.
TEST_F(TaskData, TrainingFilesAreMixedByTheirWeights) {
  const auto record = [](const char* source, const char* language) {
    return nlohmann::json{{"source", source}, {"target", "x"}, {"language", language}}.dump() +
           "\n";
  };
  write_file(folder_ / "a.jsonl",
             record("a", "en") + record("b", "en") + record("c", "en") + record("d", "en"));
  write_file(folder_ / "b.jsonl", record("e", "en") + record("f", "de"));
  const auto path = [&](const char* name) { return (folder_ / name).string(); };
  const auto sources = [&](const nlohmann::json& settings) {
    nlohmann::json all = {{"train", path("a.jsonl")}, {"train_also", {path("b.jsonl")}}};
    all.update(settings);
    auto task = make("translation", all);
    std::string found;
    std::set<std::string> ids;
    for (std::uint64_t i = 0; i < task.count(TRELLIS_SPLIT_TRAIN); ++i) {
      const auto example = task.example(TRELLIS_SPLIT_TRAIN, i);
      found += example.source;
      EXPECT_TRUE(ids.insert(example.id).second) << example.id;
    }
    return found;
  };
  EXPECT_EQ(sources(nlohmann::json::object()), "abcdef");
  EXPECT_EQ(sources({{"train_weights", {2.5, 0.5}}}),
            "abcdabcdac"
            "e");
  EXPECT_EQ(sources({{"train_where", {"language=en"}}}), "abcde");
  const auto* line = "{\"source\": \"a\", \"target\": \"x\"}\n";
  const auto told = [&](const nlohmann::json& settings) {
    return problem("translation", line, settings);
  };
  EXPECT_THAT(told({{"train_also", {path("b.jsonl")}}}),
              HasSubstr("train_also: needs a first file"));
  EXPECT_THAT(told({{"train", path("a.jsonl")}, {"train_weights", {1, 2}}}),
              HasSubstr("train_weights: has 2 numbers for 1 files"));
  EXPECT_THAT(told({{"train", path("a.jsonl")}, {"train_weights", {0}}}),
              HasSubstr("train_weights = 0: must be a number in (0, 1000]"));
  EXPECT_THAT(told({{"train", path("a.jsonl")}, {"train_weights", {"much"}}}),
              HasSubstr("train_weights = \"much\": must be a number in (0, 1000]"));
}

}  // namespace
}  // namespace trellis::tests
