// The database when disk, file or neighbours fail: one line says so, nothing is half written, and
// the next run goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "core/error.hpp"
#include "storage/maintenance.hpp"
#include "storage/queries.hpp"
#include "storage/store.hpp"
#include "tests/fault/faulty_disk.hpp"
#include "tests/unit/storage_fixture.hpp"

namespace trellis::storage {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace trellis::testing;

class Sql {
 public:
  explicit Sql(const std::filesystem::path& path) { sqlite3_open(path.c_str(), &connection_); }
  Sql(const Sql&) = delete;
  Sql& operator=(const Sql&) = delete;
  ~Sql() { sqlite3_close(connection_); }
  void run(const char* sql) {
    ASSERT_EQ(sqlite3_exec(connection_, sql, nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(connection_);
  }

 private:
  sqlite3* connection_ = nullptr;
};

class StorageFault : public ::testing::Test {
 protected:
  // What a run does, from an empty file or from what an earlier one left.
  void run() {
    auto store = Store::open(path_, fixed_clock());
    store.put_experiment(
        experiment_record(), {model_record("m")}, {task_record()},
        {trial_record("t1", "m", "greedy", 40), trial_record("t2", "m", "sample", 40)});
    if (!store.model_is_ready("m")) {
      const auto training = store.begin_training("m");
      store.put_training_points(training, {{10, "train", 100, 1, 5.0, 1e-3, 0.5}});
      store.end_training(training, "done", 1);
      store.put_model_result("m", {12, "hash", {{"context", 4}}});
    }
    for (const auto* trial : {"t1", "t2"}) {
      if (store.status(trial) == TrialStatus::done) continue;
      std::vector<SampleRecord> missing;
      const auto stored = store.stored_samples(trial);
      for (std::uint64_t i = stored.size(); i < 40; ++i) {
        missing.push_back(sample_record(i, i % 2 == 0, std::string(200, 'x')));
        if (missing.size() == 10) {
          store.put_samples(trial, missing);
          missing.clear();
        }
      }
      store.put_samples(trial, missing);
      store.put_trial_totals(trial, {10, 80, 80, 1});
      store.put_trial_metrics(trial, {{"quality", 0.5, 0.25, 0.75, 40}});
      store.set_status(trial, TrialStatus::done);
    }
  }

  std::string message_of_run() {
    try {
      run();
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), AllOf(HasSubstr(path_.string() + ": "), Not(HasSubstr("\n"))));
      return error.what();
    }
    return "";
  }

  // Every table that a run fills.
  std::string contents() {
    std::ostringstream text;
    auto reader = Reader::open(path_);
    ExportOptions options;
    options.tokens = true;
    export_samples(reader, options, text);
    for (const auto& trial : reader.trials(reader.experiment("").id)) {
      text << trial.record.id << to_string(trial.status) << trial.metrics.size()
           << trial.totals.delivered_tokens;
    }
    for (const auto& point : reader.training_curve("m")) text << point.step << ' ' << point.loss;
    return text.str();
  }

  void start_anew() {
    for (const auto* suffix : {"", "-wal", "-shm", ".lock"}) {
      std::filesystem::remove(path_.string() + suffix);
    }
  }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "results.db";
};

// The disk fills up, or fails, at every single write of a run in turn.
TEST_F(StorageFault, AFaultAtAnyWriteLeavesWholeSamplesAndTheNextRunGoesOn) {
  run();
  const auto expected = contents();
  for (const int code : {SQLITE_FULL, SQLITE_IOERR_WRITE}) {
    std::uint64_t faults = 0;
    for (std::uint64_t writes = 0;; writes += 1 + writes / 16) {
      start_anew();
      tests::FaultyDisk disk;
      disk.fail_after(writes, code);
      const auto message = message_of_run();
      const bool failed = disk.has_failed();
      disk.repair();
      // The last writes only tidy up: a fault there costs nothing.
      if (!message.empty()) {
        ++faults;
        ASSERT_THAT(message, HasSubstr(code == SQLITE_FULL ? "no room left on the disk; free some"
                                                           : "look at the disk"));
      }
      if (faults > 0 && std::filesystem::file_size(path_) > 0) {
        for (const auto& finding : check(path_)) ADD_FAILURE() << writes << ": " << finding;
      }
      ASSERT_EQ(message_of_run(), "") << "after a fault at write " << writes;
      ASSERT_EQ(contents(), expected) << "after a fault at write " << writes;
      if (!failed) break;
    }
    EXPECT_GT(faults, 20U);
  }
}

TEST_F(StorageFault, AnotherWriterIsWaitedFor) {
  run();
  tests::FaultyDisk disk;
  Sql neighbour(path_);
  neighbour.run("BEGIN IMMEDIATE");
  bool free = false;
  disk.on_wait = [&](double seconds) {
    if (seconds < 5 || free) return;
    free = true;
    neighbour.run("COMMIT");
  };
  EXPECT_EQ(message_of_run(), "");
  EXPECT_TRUE(free);
}

TEST_F(StorageFault, AWriterThatNeverEndsIsNamed) {
  run();
  tests::FaultyDisk disk;
  Sql neighbour(path_);
  neighbour.run("BEGIN IMMEDIATE");
  EXPECT_THAT(message_of_run(), HasSubstr("another program keeps it locked; end its transaction"));
}

// The first thing that a run does to a new database is to ask for a write-ahead log.
TEST_F(StorageFault, AnotherWriterOfANewDatabaseIsWaitedFor) {
  tests::FaultyDisk disk;
  Sql neighbour(path_);
  neighbour.run("BEGIN IMMEDIATE");
  bool free = false;
  disk.on_wait = [&](double seconds) {
    if (seconds < 5 || free) return;
    free = true;
    neighbour.run("COMMIT");
  };
  EXPECT_EQ(message_of_run(), "");
  EXPECT_TRUE(free);
}

TEST_F(StorageFault, AWriterOfANewDatabaseThatNeverEndsIsNamed) {
  tests::FaultyDisk disk;
  double waited = 0;
  disk.on_wait = [&](double seconds) { waited = seconds; };
  Sql neighbour(path_);
  neighbour.run("BEGIN IMMEDIATE");
  EXPECT_THAT(message_of_run(), HasSubstr("another program keeps it locked; end its transaction"));
  EXPECT_GE(waited, 9);  // of the ten seconds for which locks are waited for
}

TEST_F(StorageFault, ANewDatabaseThatAnotherProgramFillsIsLeftAlone) {
  tests::FaultyDisk disk;
  Sql neighbour(path_);
  neighbour.run("BEGIN IMMEDIATE; CREATE TABLE recipes (name)");
  bool free = false;
  disk.on_wait = [&](double) {
    if (!free) neighbour.run("COMMIT");
    free = true;
  };
  EXPECT_THAT(message_of_run(), HasSubstr("is a database of another program"));
}

TEST_F(StorageFault, ReadersDoNotStopAWriter) {
  run();
  Sql neighbour(path_);
  neighbour.run("BEGIN; SELECT count(*) FROM samples");
  auto store = Store::open(path_);
  store.put_samples("t1", {sample_record(0, 1, "new")});
  EXPECT_EQ(Reader::open(path_).samples("t1", 0, 1, false)[0].output, "new");
}

TEST_F(StorageFault, TwoWritersAreRefused) {
  const auto first = Store::open(path_);
  EXPECT_THAT(message_of_run(), HasSubstr("another trellis (process " + std::to_string(getpid()) +
                                          ") is writing to it"));
}

TEST_F(StorageFault, ANewerSchemaIsRefusedByAll) {
  run();
  Sql(path_).run("PRAGMA user_version = 99");
  constexpr const char* kMessage = "has schema 99, newer than this trellis knows (8); use a newer";
  EXPECT_THAT(message_of_run(), HasSubstr(kMessage));
  EXPECT_THROW(Reader::open(path_), Error);
  EXPECT_THROW(check(path_), Error);
  EXPECT_THROW(merge({path_}, folder_ / "other.db"), Error);
}

TEST_F(StorageFault, WhatIsNoDatabaseIsLeftAlone) {
  std::ofstream(path_) << "My diary. Nobody may write here.";
  EXPECT_THAT(message_of_run(), HasSubstr("is not a database of Trellis"));
  EXPECT_EQ(std::filesystem::file_size(path_), 32U);
  start_anew();
  Sql(path_).run("CREATE TABLE recipes (name)");
  EXPECT_THAT(message_of_run(), HasSubstr("is a database of another program"));
  start_anew();
  std::filesystem::create_directory(path_);
  EXPECT_THAT(message_of_run(), HasSubstr("is a folder; name a database file"));
}

TEST_F(StorageFault, DamageIsNamed) {
  run();
  std::filesystem::resize_file(path_, std::filesystem::file_size(path_) / 2);
  EXPECT_THAT(message_of_run(), HasSubstr("is damaged or truncated; take a backup, or move it"));
  EXPECT_THROW(check(path_), Error);
}

TEST_F(StorageFault, MissingFoldersAreNamed) {
  path_ = folder_ / "absent" / "results.db";
  EXPECT_THAT(message_of_run(), HasSubstr("does not exist; make it"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "absent"));
}

}  // namespace
}  // namespace trellis::storage
