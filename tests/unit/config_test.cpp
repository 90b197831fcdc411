/// What a person writes, and what they are told when it is wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "experiments/config.hpp"
#include "experiments/plan.hpp"
#include "experiments/sweep.hpp"
#include "tests/abi/host.hpp"

namespace trellis::experiments {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class ConfigTest : public testing::Test {
 protected:
  ConfigTest() {
    folder_ =
        fs::temp_directory_path() / ("trellis-config-" + std::to_string(getpid()) + "-" +
                                     testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(folder_);
    std::ofstream(folder_ / "data.jsonl") << R"({"source": "a", "references": ["b"]})" << '\n';
  }
  ~ConfigTest() override { fs::remove_all(folder_); }

  Config read(const std::string& text, const std::vector<std::string>& overrides = {}) {
    std::ofstream(folder_ / "x.toml") << text;
    return read_config(folder_ / "x.toml", overrides, registry_, [](const std::string& name) {
      return name == "DATA" ? std::optional<std::string>("data") : std::nullopt;
    });
  }
  std::string mistake(const std::string& text, const std::vector<std::string>& overrides = {}) {
    return mistake_of([&] { read(text, overrides); });
  }
  // The message of a call that should fail, without the folder's name.
  template <typename Call>
  std::string mistake_of(const Call& call) {
    try {
      call();
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::usage);
      std::string message = error.what();
      const auto prefix = folder_.string() + "/";
      for (std::size_t at = 0; (at = message.find(prefix)) != std::string::npos;) {
        message.erase(at, prefix.size());
      }
      return message;
    }
    return "no mistake";
  }

  fs::path folder_;
  plugin::Registry registry_{{TRELLIS_BINARY_DIR "/lib/trellis/plugins"}, tests::quiet_host()};
};

const std::string kHead =
    "[experiment]\nname = \"x\"\n[[task]]\nplugin = \"translation\"\ntest = \"data.jsonl\"\n";
const std::string kModel = "[[model]]\nplugin = \"ngram\"\n";

TEST_F(ConfigTest, SweepsListsAndRangesInTheOrderWritten) {
  const auto config =
      read(kHead + kModel +
           "[[strategy]]\nplugin = \"sample\"\ntop_p = [0.9, 1.0]\ntemperature = {from = 0.5, to = "
           "0.7, step = 0.1}\n");
  std::vector<std::string> labels;
  for (const auto& strategy : config.strategies) labels.push_back(strategy.label);
  EXPECT_THAT(labels,
              ElementsAre("sample top_p=0.9 temperature=0.5", "sample top_p=0.9 temperature=0.6",
                          "sample top_p=0.9 temperature=0.7", "sample top_p=1 temperature=0.5",
                          "sample top_p=1 temperature=0.6", "sample top_p=1 temperature=0.7"));
  EXPECT_EQ(config.strategies[0].processors.size(), 2U);
}

TEST_F(ConfigTest, EveryMistakeIsToldAtItsPlace) {
  EXPECT_EQ(
      mistake(kHead + kModel + "[[strategy]]\nplugin = \"sample\"\ntop_p = 1.7\ntemperatur = 1\n"),
      "x.toml:10:1: top_p = 1.7: must lie in (0, 1]\n"
      "x.toml:11:1: temperatur: unknown to sample; did you mean temperature?");
}

TEST_F(ConfigTest, SettingsAtOddsAreToldAtTheOneThatWasGiven) {
  const auto groups = kHead + kModel + "[[strategy]]\nplugin = \"group_beam\"\n";
  EXPECT_EQ(mistake(groups + "diversity_penalty = [0.5, 1]\nnum_beam_groups = 3\n"),
            "x.toml:11:1: num_beam_groups = 3: must divide num_beams = 4");
  EXPECT_EQ(mistake(groups + "num_beams = [2, 5]\n"),
            "x.toml:10:1: num_beam_groups = 2: must divide num_beams = 5");
}

TEST_F(ConfigTest, NamesTheNearestPluginTaskAndKey) {
  EXPECT_THAT(mistake(kHead + kModel + "[[strategy]]\nplugin = \"gredy\"\n"),
              HasSubstr("x.toml:9:1: no strategy plugin \"gredy\"; did you mean \"greedy\"?"));
  EXPECT_THAT(
      mistake(kHead + kModel + "tasks = [\"translatoin\"]\n[[strategy]]\nplugin = \"greedy\"\n"),
      HasSubstr("x.toml:8:1: tasks: no task \"translatoin\"; did you mean \"translation\"?"));
  EXPECT_THAT(mistake("[experiment]\nnam = \"x\"\n"),
              HasSubstr("x.toml:2:1: nam: unknown to [experiment]; did you mean name?"));
}

TEST_F(ConfigTest, RefusesEmptySweepsDuplicatesAndMissingFiles) {
  EXPECT_THAT(mistake(kHead + kModel + "[[strategy]]\nplugin = \"beam\"\nnum_beams = []\n"),
              HasSubstr("x.toml:10:1: num_beams: an empty list"));
  // Only what is wrong, not what follows from it.
  EXPECT_EQ(mistake(kHead + kModel + "[[strategy]]\nplugin = \"beam\"\nnum_beams = [2, 2, 3]\n"),
            "x.toml:10:1: num_beams: 2 is given twice");
  EXPECT_THAT(mistake(kHead + kModel + kModel + "[[strategy]]\nplugin = \"greedy\"\n"),
              HasSubstr("the label \"ngram\" is used twice"));
  EXPECT_THAT(mistake("[experiment]\nname=\"x\"\n[[task]]\nplugin = \"translation\"\ntest = "
                      "\"none.jsonl\"\n" +
                      kModel + "[[strategy]]\nplugin = \"greedy\"\n"),
              HasSubstr("x.toml:5:1: \"none.jsonl\": there is no such file"));
  EXPECT_THAT(mistake(kHead + "train = \"${NOWHERE}/x\"\n" + kModel +
                      "[[strategy]]\nplugin = \"greedy\"\n"),
              HasSubstr("the environment variable NOWHERE is not set"));
}

TEST_F(ConfigTest, ReadsGroupsOfWords) {
  const auto good = kHead + kModel + "[[strategy]]\nplugin = \"greedy\"\n";
  const auto config = read(good +
                           "[[words]]\nname = \"f\"\nwords = [\"she\", \"her\"]\n"
                           "[[words]]\nname = \"m\"\nwords = [\"he\"]\n");
  ASSERT_EQ(config.words.size(), 2U);
  EXPECT_EQ(config.words[0].name, "f");
  EXPECT_THAT(config.words[0].entries, ElementsAre("she", "her"));
  EXPECT_EQ(mistake(good + "[[words]]\nname = \"f\"\nwords = [\"she\"]\n"
                           "[[words]]\nname = \"m\"\nwords = [\"She\"]\n"),
            "x.toml:13:1: the group of words \"m\": \"She\" is given before; no word may count "
            "twice");
  EXPECT_EQ(mistake(good + "[[words]]\nname = \"f\"\nword = [\"she\"]\n"),
            "x.toml:12:1: word: unknown to [[words]]; did you mean words?");
  EXPECT_EQ(mistake(good + "[[words]]\nname = \"f\"\nwords = [\"she\", 1]\n"),
            "x.toml:12:1: words: must be a list of texts");
}

TEST_F(ConfigTest, StrategiesMayBeForSomeModelsOnly) {
  const auto two = kHead + kModel + "label = \"big\"\n" + kModel + "label = \"small\"\n";
  const std::string strategy = "[[strategy]]\nplugin = \"greedy\"\n";
  EXPECT_THAT(read(two + strategy + "models = \"small\"\n").strategies[0].models,
              ElementsAre("small"));
  EXPECT_THAT(mistake(two + strategy + "models = [\"bug\"]\n"),
              HasSubstr("x.toml:14:1: models: no model \"bug\"; did you mean \"big\"?"));
  EXPECT_EQ(mistake(kHead + kModel + "label = \"big\"\nstrategies = \"sample\"\n" + kModel +
                    "label = \"small\"\nstrategies = \"greedy\"\n" + strategy +
                    "models = \"big\"\n[[strategy]]\nplugin = \"sample\"\nmodels = \"small\"\n"),
            "x.toml:1:1: no strategy is for any of the models; see the `models` and `tasks` of the "
            "strategies, and the `strategies` and `tasks` of the models");
}

TEST_F(ConfigTest, AStrategyIsLeftOutWithTheModelThatItWouldBeLent) {
  const auto config = read(kHead + kModel + "label = \"big\"\n" + kModel +
                           "label = \"small\"\nweights = \"nowhere\"\noptional = true\n" +
                           "[[strategy]]\nplugin = \"speculative\"\ndraft = \"small\"\n" +
                           "[[strategy]]\nplugin = \"greedy\"\nmodels = [\"big\", \"small\"]\n");
  ASSERT_EQ(config.strategies.size(), 1U);
  EXPECT_EQ(config.strategies[0].label, "greedy");
  ASSERT_EQ(config.notes.size(), 2U);
  EXPECT_THAT(
      config.notes[1],
      HasSubstr("x.toml:16:1: draft = \"small\": the strategy speculative draft=small is left "
                "out with it"));
}

TEST_F(ConfigTest, MalformedTomlAndUtf8AreToldAtTheirPlace) {
  EXPECT_THAT(mistake("[experiment]\nname = \n"), HasSubstr("x.toml:2:"));
  std::ofstream(folder_ / "x.toml") << "name = \"\xff\"\n";
  EXPECT_THROW(read_config(folder_ / "x.toml", {}, registry_, {}), Error);
}

TEST_F(ConfigTest, OverridesReachByLabelPluginAndSection) {
  const auto config =
      read(kHead + kModel + "[[strategy]]\nplugin = \"beam\"\nlabel = \"b\"\n",
           {"experiment.limit=7", "strategy.b.num_beams=[2, 3]", "task.test=${DATA}.jsonl"});
  EXPECT_EQ(config.options.limit, 7);
  ASSERT_EQ(config.strategies.size(), 2U);
  EXPECT_EQ(config.strategies[1].label, "b num_beams=3");
  EXPECT_THAT(
      mistake(kHead + kModel + "[[strategy]]\nplugin = \"beam\"\n", {"strategy.b.num_beams=2"}),
      HasSubstr("no strategy has the label or plugin \"b\""));
  EXPECT_THAT(
      mistake(kHead + kModel + "[[strategy]]\nplugin = \"beam\"\n", {"strategy.num_beams=0"}),
      HasSubstr("--set: num_beams = 0: must lie in [1, 1000]"));
}

TEST(SweepTest, RangesIncludeTheirEnds) {
  EXPECT_THAT(range_values({{"from", 1}, {"to", 7}, {"step", 3}}), ElementsAre(1, 4, 7));
  EXPECT_THAT(range_values({{"from", 0.0}, {"to", 1.0}, {"count", 3}}), ElementsAre(0.0, 0.5, 1.0));
  EXPECT_THROW(range_values({{"from", 1}, {"to", 0}, {"step", 1}}), Error);
}

class PlanTest : public ConfigTest {
 protected:
  Plan plan(const std::vector<std::string>& overrides, const std::string& data_hash = "data") {
    const auto config = read(
        kHead + kModel + "[[strategy]]\nplugin = \"greedy\"\n[[strategy]]\nplugin = \"sample\"\n",
        overrides);
    TaskFacts facts;
    facts.test = 10;
    return make_plan(config, registry_, {facts}, "models",
                     [&](const fs::path&) { return data_hash; });
  }
};

TEST_F(PlanTest, IdsFollowWhatCanChangeTheResult) {
  const auto base = plan({});
  ASSERT_EQ(base.trials.size(), 2U);
  EXPECT_EQ(plan({"experiment.batch_size=7"}).trials[0].record.id, base.trials[0].record.id);
  EXPECT_NE(plan({"experiment.seed=2"}).trials[0].record.id, base.trials[0].record.id);
  EXPECT_NE(plan({"model.order=2"}).trials[0].record.id, base.trials[0].record.id);
  EXPECT_NE(plan({}, "other").trials[0].record.id, base.trials[0].record.id);
  // The test file changes the trials, but trains no model anew.
  EXPECT_EQ(plan({}, "other").models[0].record.id, base.models[0].record.id);
}

TEST_F(PlanTest, AModelMayBeForSomeStrategiesOnly) {
  const auto planned = plan({"model.strategies=sample"});
  ASSERT_EQ(planned.trials.size(), 1U);
  EXPECT_EQ(planned.trials[0].record.strategy_label, "sample");
}

class DraftPlanTest : public PlanTest {
 protected:
  // Two models, and a strategy that is lent one.
  Plan plan(const std::string& draft, const std::vector<std::string>& overrides = {}) {
    TaskFacts facts;
    facts.test = 10;
    return make_plan(
        read(kHead + kModel + "label = \"big\"\n" + kModel + "label = \"small\"\norder = 2\n" +
                 "[[strategy]]\nplugin = \"speculative\"\ndraft = \"" + draft + "\"\n",
             overrides),
        registry_, {facts}, "models",
        [](const fs::path& path) { return path.filename().string(); });
  }
};

TEST_F(DraftPlanTest, ADraftIsNamedByTheLabelOfAnotherModel) {
  const auto planned = plan("small");
  ASSERT_EQ(planned.trials.size(), 1U);  // a model is not lent to itself
  const auto& trial = planned.trials[0];
  EXPECT_EQ(planned.models[trial.model].record.label, "big");
  EXPECT_EQ(trial.draft_model, 1U);
  EXPECT_EQ(trial.draft.plugin, "ngram");
  EXPECT_EQ(trial.draft.path, planned.models[1].folder.string());
  // Another draft makes another trial, of the same model.
  const auto other = plan("small", {"model.small.order=3"});
  EXPECT_NE(other.trials[0].record.id, trial.record.id);
  EXPECT_EQ(other.trials[0].record.model_id, trial.record.model_id);
}

TEST_F(DraftPlanTest, ADraftIsNamedByItsPathAndKnownByItsContent) {
  const auto planned = plan("data.jsonl");
  ASSERT_EQ(planned.trials.size(), 2U);
  EXPECT_EQ(planned.trials[0].draft_model, std::nullopt);
  EXPECT_EQ(planned.trials[0].draft.plugin, "");  // the one that reads it
  EXPECT_EQ(planned.trials[0].draft.path, (folder_ / "data.jsonl").string());
}

TEST_F(DraftPlanTest, WhatIsNoDraftIsToldAtItsPlace) {
  EXPECT_EQ(mistake_of([&] { plan("smal"); }),
            "x.toml:15:1: draft = \"smal\": is neither a file or folder, nor the label of a model "
            "here, nor the label or id of one that was trained beside this database");
  EXPECT_EQ(mistake_of([&] { plan("small", {"strategy.models=small"}); }),
            "x.toml:15:1: draft = \"small\": a model is not lent to itself, and no other is here "
            "that the strategy is for");
}

TEST_F(PlanTest, StrategiesWithoutChanceMakeOneSample) {
  const auto planned = plan({"experiment.samples=3"});
  EXPECT_EQ(planned.trials[0].record.expected_samples, 10U);
  EXPECT_EQ(planned.trials[1].record.expected_samples, 30U);
}

// Hand-made models of a database: the label on the same task and seed goes before others.
TEST(KnownModelsTest, ANameMeansTheNearestModel) {
  const KnownModels models = {{"aaaaaa01", "base", "en-de", 1, "a"},
                              {"aaaaaa02", "base", "en-de", 2, "b"},
                              {"bbbbbb03", "base", "en-zh", 1, "c"},
                              {"cccccc04", "other", "en-zh", 1, "d"}};
  const auto ids = [&](const char* name, const char* task, std::uint64_t seed) {
    std::vector<std::string> found;
    for (const auto& model : meant_by_name(models, name, task, seed)) found.push_back(model.id);
    return found;
  };
  EXPECT_THAT(ids("base", "en-de", 2), ElementsAre("aaaaaa02"));
  EXPECT_THAT(ids("base", "en-de", 3), ElementsAre("aaaaaa01", "aaaaaa02"));
  EXPECT_THAT(ids("other", "en-de", 7), ElementsAre("cccccc04"));
  EXPECT_THAT(ids("bbbbbb", "en-de", 1), ElementsAre("bbbbbb03"));
  EXPECT_THAT(ids("bbbbb", "en-de", 1), ElementsAre());  // too short for an id
}

TEST_F(PlanTest, WhatAModelIsShownIsPartOfItsIdentity) {
  const std::string strategy = "[[strategy]]\nplugin = \"greedy\"\n";
  const auto plan_of = [&](const std::string& model) {
    TaskFacts facts;
    facts.test = 10;
    return make_plan(read(kHead + model + strategy), registry_, {facts}, "models",
                     [](const fs::path& path) { return path.filename().string(); });
  };
  const auto plain = plan_of(kModel);
  const auto shown = plan_of(kModel + "task_settings = {prompt = \"{source} {target}\"}\n");
  EXPECT_NE(plain.models[0].record.id, shown.models[0].record.id);
  EXPECT_NE(plain.trials[0].record.id, shown.trials[0].record.id);
  EXPECT_EQ(plain.tasks[0].id, shown.tasks[0].id);  // so both stand in one table
  EXPECT_EQ(shown.task_for(shown.models[0], 0).settings.at("prompt"), "{source} {target}");
  EXPECT_EQ(plain.task_for(plain.models[0], 0).settings.at("prompt"), "");
}

TEST_F(ConfigTest, KeysOfModelsThatDoNotGoTogetherAreTold) {
  const std::string strategy = "[[strategy]]\nplugin = \"greedy\"\n";
  EXPECT_THAT(mistake(kHead + kModel + "optional = 1\n" + strategy),
              HasSubstr("x.toml:8:1: optional: must be true or false"));
  EXPECT_THAT(mistake(kHead + kModel + "task_settings = {shots = -1}\n" + strategy),
              HasSubstr("shots = -1: must lie in [0, 1000]"));
  EXPECT_THAT(mistake(kHead + kModel + "task_settings = {shot = 1}\n" + strategy),
              HasSubstr("shot: unknown to task_settings; did you mean shots?"));
  EXPECT_THAT(
      mistake(kHead + kModel + "strategies = [\"beam\"]\n" + strategy),
      HasSubstr("x.toml:8:1: strategies: no strategy has the label or plugin \"beam\"; there "
                "are: greedy"));
  const auto config =
      read(kHead + kModel + "optional = true\nweights = \"${NOWHERE}\"\n" + kModel + strategy);
  EXPECT_EQ(config.models.size(), 1U);
  EXPECT_THAT(config.notes,
              ElementsAre(HasSubstr("NOWHERE is not set; the model ngram is left out")));
}

}  // namespace
}  // namespace trellis::experiments
