#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>

#include "core/error.hpp"
#include "storage/maintenance.hpp"
#include "storage/migrations.hpp"
#include "storage/queries.hpp"
#include "storage/store.hpp"
#include "tests/unit/storage_fixture.hpp"

namespace trellis::storage {
namespace {

using ::testing::ElementsAre;
using testing::experiment_record;
using testing::fixed_clock;
using ::testing::HasSubstr;
using testing::model_record;
using ::testing::Pair;
using testing::sample_record;
using testing::task_record;
using testing::TemporaryFolder;
using testing::trial_record;

class StorageTest : public ::testing::Test {
 protected:
  std::int64_t put_small(Store& store) {
    return store.put_experiment(
        experiment_record(), {model_record("m1"), model_record("m2")}, {task_record()},
        {trial_record("t1", "m1", "greedy", 2), trial_record("t2", "m2", "greedy", 2)});
  }
  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "results.db";
};

TEST_F(StorageTest, SampleComesBackAsItWent) {
  SampleRecord sample = sample_record(3, 0.5);
  sample.sample_index = 2;
  sample.source = "你好，世界 🙂 \"quoted\" <b>";
  sample.prefix = "a\nb\tc";
  sample.output = std::string("zero\0byte", 9);
  sample.references = {"eins", "", "三"};
  sample.fields = {{"title", "Gruß"}, {"n", 3}};
  sample.details = {{"matched", {1, 2, 3}}};
  sample.score = -std::numeric_limits<double>::infinity();
  sample.tokens[1].text = "\xE4\xBD";  // Half of a character, as byte-level tokens are.
  sample.metrics["bleu"] = {12.5, {1, 2.5, 1e-300, 1.0 / 3}};
  sample.metrics["undefined"] = {std::nullopt, {}};
  {
    auto store = Store::open(path_, fixed_clock());
    put_small(store);
    store.put_samples("t1", {sample});
  }
  auto reader = Reader::open(path_);
  const auto found = reader.samples("t1", 0, 10, true);
  ASSERT_EQ(found.size(), 1U);
  const auto& back = found[0];
  EXPECT_EQ(back.example_index, 3U);
  EXPECT_EQ(back.sample_index, 2U);
  EXPECT_EQ(back.example_id, "test-3");
  EXPECT_EQ(back.source, sample.source);
  EXPECT_EQ(back.prefix, sample.prefix);
  EXPECT_EQ(back.output, sample.output);
  EXPECT_EQ(back.references, sample.references);
  EXPECT_EQ(back.fields, sample.fields);
  EXPECT_EQ(back.details, sample.details);
  EXPECT_EQ(back.finish, "eos");
  EXPECT_EQ(back.score, sample.score);
  EXPECT_EQ(back.seconds, 0.25);
  ASSERT_EQ(back.tokens.size(), 2U);
  EXPECT_EQ(back.tokens[0].id, 5);
  EXPECT_EQ(back.tokens[0].log_probability, std::log(0.5));
  EXPECT_EQ(back.tokens[0].alternatives, sample.tokens[0].alternatives);
  EXPECT_EQ(back.tokens[1].text, "\xE4\xBD");
  EXPECT_EQ(back.tokens[1].rank, 3U);
  EXPECT_TRUE(back.tokens[1].alternatives.is_null());
  ASSERT_EQ(back.metrics.size(), 4U);
  EXPECT_EQ(back.metrics.at("bleu").value, 12.5);
  EXPECT_EQ(back.metrics.at("bleu").statistics, sample.metrics["bleu"].statistics);
  EXPECT_EQ(back.metrics.at("undefined").value, std::nullopt);
}

TEST_F(StorageTest, NotANumberComesBackAsNotANumber) {
  auto store = Store::open(path_);
  put_small(store);
  auto sample = sample_record(0, 1);
  sample.score = std::nan("");
  sample.tokens[0].log_probability = std::nan("");
  store.put_samples("t1", {sample});
  const auto back = Reader::open(path_).samples("t1", 0, 1, true);
  EXPECT_TRUE(std::isnan(back[0].score));
  EXPECT_TRUE(std::isnan(back[0].tokens[0].log_probability));
}

TEST_F(StorageTest, StoringASampleAgainReplacesItWhole) {
  auto store = Store::open(path_);
  put_small(store);
  store.put_samples("t1", {sample_record(1, 0), sample_record(0, 0, "first")});
  auto again = sample_record(0, 1, "second");
  again.tokens.resize(1);
  again.metrics.erase("slips");
  store.put_samples("t1", {again});
  EXPECT_THAT(store.stored_samples("t1"), ElementsAre(Pair(0, 0), Pair(1, 0)));
  auto reader = Reader::open(path_);
  const auto samples = reader.samples("t1", 0, 10, true);
  ASSERT_EQ(samples.size(), 2U);
  EXPECT_EQ(samples[0].output, "second");
  EXPECT_EQ(samples[0].tokens.size(), 1U);
  EXPECT_EQ(samples[0].metrics.size(), 1U);
  EXPECT_EQ(reader.samples("t1", 1, 1, false)[0].example_index, 1U);
}

TEST_F(StorageTest, RescoringReplacesMetricsAndDetailsOnly) {
  auto store = Store::open(path_);
  put_small(store);
  store.put_samples("t1", {sample_record(0, 0)});
  SampleRecord scored;
  scored.metrics["quality"] = {0.75, {}};
  scored.details = "why";
  store.put_sample_metrics("t1", {scored});
  const auto back = Reader::open(path_).samples("t1", 0, 1, true)[0];
  EXPECT_EQ(back.output, "out");
  EXPECT_EQ(back.tokens.size(), 2U);
  EXPECT_EQ(back.metrics.size(), 1U);
  EXPECT_EQ(back.metrics.at("quality").value, 0.75);
  EXPECT_EQ(back.details, "why");
  scored.example_index = 9;
  EXPECT_THROW(store.put_sample_metrics("t1", {scored}), Error);
}

TEST_F(StorageTest, RunningAnExperimentAgainKeepsWhatIsDone) {
  auto store = Store::open(path_);
  const auto first = put_small(store);
  store.put_samples("t1", {sample_record(0, 1)});
  store.set_status("t1", TrialStatus::done);
  // t2 is dropped from the experiment, t3 is new, and the order changes.
  const auto second = store.put_experiment(
      experiment_record(), {model_record("m1")}, {task_record()},
      {trial_record("t3", "m1", "beam", 5), trial_record("t1", "m1", "greedy", 2)});
  EXPECT_EQ(first, second);
  EXPECT_EQ(store.status("t1"), TrialStatus::done);
  EXPECT_EQ(store.status("t2"), TrialStatus::pending);
  auto reader = Reader::open(path_);
  const auto trials = reader.trials(first);
  ASSERT_EQ(trials.size(), 2U);
  EXPECT_EQ(trials[0].record.id, "t3");
  EXPECT_EQ(trials[1].record.id, "t1");
  EXPECT_EQ(trials[1].stored_samples, 1U);
  EXPECT_EQ(trials[1].model_label, "label-m1");
  EXPECT_EQ(trials[1].task_label, "copy");
  EXPECT_EQ(trials[1].record.strategy, trial_record("t1", "m1", "greedy", 2).strategy);
  const auto row = reader.experiment("");
  EXPECT_EQ(row.trials, 2U);
  EXPECT_EQ(row.trials_done, 1U);
  EXPECT_EQ(row.environment["cpu"], "test");
}

TEST_F(StorageTest, AskingForMoreSamplesReopensATrial) {
  auto store = Store::open(path_);
  put_small(store);
  store.set_status("t1", TrialStatus::done);
  const auto with = [&](std::uint64_t expected) {
    store.put_experiment(experiment_record(), {model_record("m1")}, {task_record()},
                         {trial_record("t1", "m1", "greedy", expected)});
    return store.status("t1");
  };
  EXPECT_EQ(with(2), TrialStatus::done);
  EXPECT_EQ(with(3), TrialStatus::pending);
}

TEST_F(StorageTest, LabelsBelongToTheExperiment) {
  auto store = Store::open(path_);
  put_small(store);
  auto renamed = model_record("m1");
  renamed.label = "other name";
  store.put_experiment(experiment_record("second"), {renamed}, {task_record()},
                       {trial_record("t1", "m1", "argmax", 2)});
  auto reader = Reader::open(path_);
  EXPECT_EQ(reader.trials(reader.experiment("small").id)[0].model_label, "label-m1");
  EXPECT_EQ(reader.trials(reader.experiment("second").id)[0].model_label, "other name");
  EXPECT_EQ(reader.trials(reader.experiment("second").id)[0].record.strategy_label, "argmax");
  EXPECT_EQ(reader.models(reader.experiment("second").id)[0].record.label, "other name");
}

TEST_F(StorageTest, ResumedTrainingReplacesTheCurveAfterItsCheckpoint) {
  auto store = Store::open(path_);
  const auto experiment = put_small(store);
  const auto first = store.begin_training("m1");
  store.put_training_points(first, {{10, "train", 100, 1, 5.0, 1e-3, 0.5},
                                    {20, "train", 200, 2, 4.0, 1e-3, std::nullopt},
                                    {20, "valid", 200, 2, 4.5, std::nullopt, std::nullopt},
                                    {30, "train", 300, 3, 9.0, 1e-3, std::nullopt}});
  // Killed after step 30; the checkpoint was of step 20.
  const auto second = store.begin_training("m1");
  store.put_training_points(second, {{30, "train", 300, 3.5, 3.0, 1e-3, std::nullopt}});
  store.put_training_points(second, {{40, "train", 400, 4.5, 2.0, 1e-3, std::nullopt}});
  store.end_training(second, "done", 2.5);
  EXPECT_FALSE(store.model_is_ready("m1"));
  store.put_model_result("m1", {1234, "weights", {{"context", 64}}});
  EXPECT_TRUE(store.model_is_ready("m1"));
  EXPECT_FALSE(store.model_is_ready("m2"));
  auto reader = Reader::open(path_);
  std::vector<double> losses;
  for (const auto& point : reader.training_curve("m1")) losses.push_back(point.loss);
  EXPECT_THAT(losses, ElementsAre(5.0, 4.0, 4.5, 3.0, 2.0));
  const auto models = reader.models(experiment);
  ASSERT_EQ(models.size(), 2U);
  EXPECT_EQ(models[0].result->parameters, 1234U);
  EXPECT_EQ(models[0].result->description["context"], 64);
  EXPECT_EQ(models[0].training_seconds, 2.0 + 2.5);  // The killed run: up to its last point.
  EXPECT_FALSE(models[1].result.has_value());
}

TEST_F(StorageTest, FailuresAreKeptUntilTriedAgain) {
  auto store = Store::open(path_, fixed_clock());
  const auto experiment = put_small(store);
  store.put_failure({"t1", "m1", "generate", "died", 11, "test-0", "last words"});
  store.put_failure({std::nullopt, "m2", "train", "diverged", std::nullopt, std::nullopt, ""});
  store.put_failure({std::nullopt, std::nullopt, "load", "odd", std::nullopt, std::nullopt, ""});
  auto reader = Reader::open(path_);
  const auto failures = reader.failures(experiment);
  ASSERT_EQ(failures.size(), 3U);
  EXPECT_EQ(failures[0].record.trial_id, "t1");
  EXPECT_EQ(failures[0].record.signal, 11);
  EXPECT_EQ(failures[0].record.example_id, "test-0");
  EXPECT_EQ(failures[0].record.standard_error, "last words");
  EXPECT_EQ(failures[0].at, "2024-05-06T07:08:09.000Z");
  EXPECT_EQ(failures[1].record.model_id, "m2");
  store.clear_failures("t1");
  store.clear_failures("m2");
  EXPECT_EQ(reader.failures(experiment).size(), 1U);
}

TEST_F(StorageTest, TrialMetricsAndTotalsComeBack) {
  auto store = Store::open(path_);
  const auto experiment = put_small(store);
  store.put_trial_metrics("t1", {{"old", 1.0, std::nullopt, std::nullopt, 1}});
  store.put_trial_metrics("t1", {{"quality", 0.5, 0.25, 0.75, 2}, {"none", {}, {}, {}, 0}});
  store.put_trial_totals("t1", {10, 20, 30, 1.5});
  const auto trial = Reader::open(path_).trials(experiment)[0];
  ASSERT_EQ(trial.metrics.size(), 2U);
  EXPECT_EQ(trial.metrics.at("quality").low, 0.25);
  EXPECT_EQ(trial.metrics.at("quality").n, 2U);
  EXPECT_EQ(trial.metrics.at("none").value, std::nullopt);
  EXPECT_EQ(trial.totals.computed_tokens, 30U);
  EXPECT_EQ(trial.totals.seconds, 1.5);
}

// Delivered, computed, saved in prompts, saved after them, shared, states, bytes.
std::string sweep_row(const std::filesystem::path& path) {
  SQLite::Database database(path.string());
  SQLite::Statement query(
      database,
      "SELECT delivered_tokens || '|' || computed_tokens || '|' || prompt_tokens_saved || '|' || "
      "computed_tokens_saved || '|' || shared || '|' || peak_states || '|' || "
      "ifnull(peak_state_bytes, 'unknown') FROM sweep_view");
  if (!query.executeStep()) return "none";
  return query.getColumn(0).getString();
}

TEST_F(StorageTest, SweepsSayWhatWasSharedAndWhatItTook) {
  auto store = Store::open(path_, fixed_clock());
  put_small(store);
  SweepTotals totals{2, 4, 30, 10, 100, 50, 70, 6, 1.5};
  store.put_sweep("m1", "task1", totals);
  EXPECT_EQ(sweep_row(path_), "100|80|10|70|0.5|6|unknown");
  totals.peak_state_bytes = 12345;
  store.put_sweep("m1", "task1", totals);
  EXPECT_EQ(sweep_row(path_), "100|80|10|70|0.5|6|12345");
}

TEST_F(StorageTest, SweepsOfTheSchemaBeforeAreKept) {
  {
    SQLite::Database database(path_.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    for (const auto text : migrations().first(3)) database.exec(std::string(text));
    database.exec("PRAGMA user_version = 3");
    database.exec("PRAGMA application_id = " + std::to_string(0x54524c53));
    database.exec(
        "INSERT INTO models (model, label, plugin, plugin_version, settings, task_label, "
        "seed) VALUES ('m1', 'm', 'rnn', '1', '{}', '', 1)");
    database.exec(
        "INSERT INTO tasks (task, label, plugin, plugin_version, settings, metrics, "
        "data_hash, test_examples) VALUES ('t1', 't', 'x', '1', '{}', '[]', '', 1)");
    database.exec(
        "INSERT INTO sweeps VALUES ('m1', 't1', 'now', 2, 4, 30, 10, 100, 50, 70, 6, 1.5)");
  }
  auto store = Store::open(path_, fixed_clock());
  EXPECT_EQ(sweep_row(path_), "100|80|10|70|0.5|6|unknown");
}

TEST_F(StorageTest, WhatATaskSharesWithItsTrainingDataStaysUntilItIsLookedForAgain) {
  const auto overlap =
      nlohmann::json::parse(R"({"words": 13, "comparable": 2, "examples": [["test-1", 0.5]]})");
  const auto put = [](Store& store, const nlohmann::json& found) {
    auto task = task_record();
    task.overlap = found;
    store.put_experiment(experiment_record(), {model_record("m1")}, {task},
                         {trial_record("t1", "m1", "greedy", 2)});
  };
  const auto overlap_in = [](const std::filesystem::path& path) {
    auto reader = Reader::open(path);
    return reader.tasks(reader.experiment("").id).at(0).overlap;
  };
  const auto other = folder_ / "other.db";
  {
    auto store = Store::open(path_);
    put(store, nullptr);
    EXPECT_TRUE(overlap_in(path_).is_null());
    auto theirs = Store::open(other);
    put(theirs, overlap);
    put(theirs, nullptr);
  }
  EXPECT_EQ(overlap_in(other), overlap);
  merge({other}, path_);
  EXPECT_EQ(overlap_in(path_), overlap);
}

TEST_F(StorageTest, ReaderNamesTheNearestExperiment) {
  auto store = Store::open(path_);
  put_small(store);
  auto reader = Reader::open(path_);
  try {
    reader.experiment("smal");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::usage);
    EXPECT_THAT(error.what(), HasSubstr("nearest name is 'small'"));
  }
}

TEST_F(StorageTest, ReaderNeverMakesAFile) {
  EXPECT_THROW(Reader::open(path_), Error);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(StorageTest, UnknownTrialIsNamed) {
  auto store = Store::open(path_);
  put_small(store);
  EXPECT_THROW(store.put_samples("nobody", {sample_record(0, 1)}), Error);
  EXPECT_THROW(store.status("nobody"), Error);
  EXPECT_THROW(store.put_model_result("nobody", {}), Error);
  EXPECT_THROW(store.begin_training("nobody"), Error);
}

TEST_F(StorageTest, LargestSeedSurvives) {
  auto store = Store::open(path_);
  auto record = experiment_record();
  record.seed = std::numeric_limits<std::uint64_t>::max();
  store.put_experiment(record, {}, {}, {});
  EXPECT_EQ(Reader::open(path_).experiment("small").seed, record.seed);
}

// Another program that opens and closes the database, as sqlite3 does, must find the writer's
// locks: else it takes the write-ahead log away, and what is committed from then on is lost.
TEST_F(StorageTest, AReaderInAnotherProcessTakesNothingFromAWriter) {
  auto store = Store::open(path_, fixed_clock());
  put_small(store);
  auto reader = Reader::open(path_);
  const std::string other = std::string(TRELLIS_PYTHON) +
                            " -c \"import sqlite3, sys; database = sqlite3.connect(sys.argv[1]); "
                            "database.execute('SELECT * FROM experiments').fetchall(); "
                            "database.close()\" '" +
                            path_.string() + "'";
  ASSERT_EQ(std::system(other.c_str()), 0);
  EXPECT_TRUE(std::filesystem::exists(path_.string() + "-wal"));
  store.put_samples("t1", {sample_record(0, 0.5)});
  EXPECT_EQ(Reader::open(path_).samples("t1", 0, 10, true).size(), 1U);
}

TEST_F(StorageTest, WhatIsNoDatabaseIsNamed) {
  std::ofstream(path_) << "[experiment]\nname = \"this is a config of more than sixteen bytes\"\n";
  for (const bool write : {false, true}) {
    try {
      if (write) {
        Store::open(path_, fixed_clock());
      } else {
        Reader::open(path_);
      }
      FAIL() << "was opened";
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::bad_data);
      EXPECT_EQ(std::string(error.what()), path_.string() + ": is not a database of Trellis");
    }
  }
}

}  // namespace
}  // namespace trellis::storage
