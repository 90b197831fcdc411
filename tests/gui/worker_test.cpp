// The worker against databases as they come: missing, late, damaged, newer, replaced, growing.
#include "gui/snapshot_worker.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <SQLiteCpp/SQLiteCpp.h>

#include <atomic>
#include <chrono>
#include <fstream>

#include "tests/gui/stage.hpp"

namespace trellis::gui {
namespace {

using ::testing::HasSubstr;

class WorkerTest : public ::testing::Test {
 protected:
  std::filesystem::path path() const { return folder_ / "a.db"; }

  static Attention no_attention(const Wish&, const std::function<bool()>&) {
    Attention attention;
    attention.problem = "none here";
    return attention;
  }

  /// The first snapshot of which `holds` is true; a minute is far more than any machine needs.
  static std::shared_ptr<const Snapshot> wait_for(
      const SnapshotWorker& worker, const std::function<bool(const Snapshot&)>& holds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    for (;;) {
      auto snapshot = worker.snapshot();
      if (holds(*snapshot)) return snapshot;
      if (std::chrono::steady_clock::now() > end) {
        ADD_FAILURE() << "it never came; the problem told is: " << snapshot->problem;
        return snapshot;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

  trellis::testing::TemporaryFolder folder_;
};

TEST_F(WorkerTest, TellsThatAFileIsMissingAndReadsItOnceItIsThere) {
  SnapshotWorker worker(path(), {no_attention, {}, {}}, [] {});
  auto snapshot = wait_for(worker, [](const auto& s) { return !s.problem.empty(); });
  EXPECT_THAT(snapshot->problem, HasSubstr("no such database"));
  trellis::testing::write_experiment(path());
  snapshot = wait_for(worker, [](const auto& s) { return s.overview && s.comparison; });
  EXPECT_EQ(snapshot->overview->trials.size(), 4);
  EXPECT_EQ(snapshot->problem, "");
}

TEST_F(WorkerTest, ReadsWhatIsWishedForAndWhatIsCommittedLater) {
  trellis::testing::write_experiment(path());
  std::atomic<int> published = 0;
  SnapshotWorker worker(path(), {no_attention, {}, {}}, [&] { ++published; });
  Wish wish;
  wish.trials = {"gru-greedy"};
  wish.metric = "quality";
  wish.tokens = true;
  wish.example_index = 1;
  wish.attention_of = "gru-greedy";
  worker.set_wish(wish);
  auto snapshot = wait_for(worker, [](const auto& s) {
    return !s.reading && s.order && s.tokens && s.attention && s.order->rows.size() == 6;
  });
  EXPECT_EQ(snapshot->tokens->samples[0]->tokens[0].text, "猫");
  EXPECT_EQ(snapshot->attention->problem, "none here");
  EXPECT_TRUE(snapshot->characters->test(U'猫'));
  EXPECT_GT(published, 0);
  {
    auto store = storage::Store::open(path());
    store.put_samples("gru-greedy", {trellis::testing::sample_record(6, 1, "seventh")});
  }
  snapshot = wait_for(worker, [](const auto& s) { return s.order && s.order->rows.size() == 7; });
  EXPECT_EQ(snapshot->samples->trials[0]->rows[6].output, "seventh");
}

TEST_F(WorkerTest, TellsWhatIsWrongWithAFile) {
  std::ofstream(path()) << std::string(5000, 'x');
  SnapshotWorker worker(path(), {no_attention, {}, {}}, [] {});
  auto snapshot = wait_for(worker, [](const auto& s) { return !s.problem.empty(); });
  EXPECT_THAT(snapshot->problem, HasSubstr("is not a database of Trellis"));
  // Another file takes its place.
  trellis::testing::write_experiment(folder_ / "b.db");
  std::filesystem::rename(folder_ / "b.db", path());
  wait_for(worker, [](const auto& s) { return s.overview && s.problem.empty(); });
}

TEST_F(WorkerTest, KeepsWhatItReadWhenTheFileIsReplacedByANewerOne) {
  trellis::testing::write_experiment(path());
  SnapshotWorker worker(path(), {no_attention, {}, {}}, [] {});
  wait_for(worker, [](const auto& s) { return s.overview != nullptr; });
  trellis::testing::write_experiment(folder_ / "b.db");
  SQLite::Database(folder_ / "b.db", SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 999");
  std::filesystem::rename(folder_ / "b.db", path());
  const auto snapshot = wait_for(worker, [](const auto& s) { return !s.problem.empty(); });
  EXPECT_THAT(snapshot->problem, HasSubstr("newer than this trellis knows"));
  EXPECT_EQ(snapshot->overview->trials.size(), 4);
}

TEST_F(WorkerTest, StopsAQueryThatIsNoLongerWishedFor) {
  trellis::testing::write_experiment(path());
  SnapshotWorker worker(path(), {no_attention, {}, {}}, [] {});
  Wish wish;
  wish.sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n";
  wish.sql_asked = 1;
  worker.set_wish(wish);
  wait_for(worker, [](const auto& s) { return s.overview != nullptr; });
  wish.sql = "SELECT 42";
  wish.sql_asked = 2;
  worker.set_wish(wish);
  const auto snapshot =
      wait_for(worker, [](const auto& s) { return s.sql && s.sql->sql == "SELECT 42"; });
  EXPECT_EQ(snapshot->sql->table.rows[0][0], "42");
}

}  // namespace
}  // namespace trellis::gui
