/// What people add to a database: ratings, preferences and tags come back as they went, beside a
/// run and through a merge.
#include "storage/annotations.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <SQLiteCpp/SQLiteCpp.h>

#include "core/error.hpp"
#include "storage/maintenance.hpp"
#include "storage/migrations.hpp"
#include "storage/queries.hpp"
#include "tests/message_of.hpp"
#include "tests/unit/storage_fixture.hpp"

namespace trellis::storage {
namespace {

using ::testing::ElementsAre;
using testing::experiment_record;
using testing::fixed_clock;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::model_record;
using testing::sample_record;
using testing::task_record;
using testing::TemporaryFolder;
using testing::trial_record;
using tests::message_of;

class AnnotationsTest : public ::testing::Test {
 protected:
  AnnotationsTest() { fill(path_); }

  static void fill(const std::filesystem::path& path) {
    auto store = Store::open(path, fixed_clock());
    store.put_experiment(
        experiment_record(), {model_record("m1")}, {task_record()},
        {trial_record("t1", "m1", "greedy", 2), trial_record("t2", "m1", "beam", 2)});
    for (const auto* trial : {"t1", "t2"}) {
      store.put_samples(trial, {sample_record(0, 1), sample_record(1, 0)});
    }
  }
  std::vector<Rating> ratings() const {
    auto reader = Reader::open(path_);
    return reader.ratings(reader.experiment("").id);
  }
  std::vector<Preference> preferences() const {
    auto reader = Reader::open(path_);
    return reader.preferences(reader.experiment("").id);
  }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "results.db";
};

TEST_F(AnnotationsTest, TheLastWordOfARaterCounts) {
  AnnotationWriter writer(path_, fixed_clock());
  const Rating fluent{"李", "fluency", "t1", 1, 0, 4};
  writer.put(Rating{"Ann", "fluency", "t1", 1, 0, 2});
  writer.put(Rating{"李", "fluency", "t1", 1, 0, 1});
  writer.put(fluent);
  EXPECT_THAT(ratings(), ElementsAre(Rating{"Ann", "fluency", "t1", 1, 0, 2}, fluent));
  writer.put(Rating{"Ann", "fluency", "t1", 1, 0, std::nullopt});
  EXPECT_THAT(ratings(), ElementsAre(fluent));
}

TEST_F(AnnotationsTest, APairIsOneWhicheverWayItWasShown) {
  AnnotationWriter writer(path_);
  writer.put(Preference{"Ann", "overall", {"t2", "t1"}, 0, 0, Preferred::first});
  EXPECT_THAT(preferences(),
              ElementsAre(Preference{"Ann", "overall", {"t1", "t2"}, 0, 0, Preferred::second}));
  writer.put(Preference{"Ann", "overall", {"t1", "t2"}, 0, 0, Preferred::tie});
  EXPECT_THAT(preferences(),
              ElementsAre(Preference{"Ann", "overall", {"t1", "t2"}, 0, 0, Preferred::tie}));
  writer.put(Preference{"Ann", "overall", {"t2", "t1"}, 0, 0, std::nullopt});
  EXPECT_THAT(preferences(), IsEmpty());
}

TEST_F(AnnotationsTest, RefusesWhatCannotBe) {
  AnnotationWriter writer(path_);
  EXPECT_THAT(message_of([&] {
                writer.put(Rating{"", "overall", "t1", 0, 0, 1});
              }),
              HasSubstr("give a name"));
  EXPECT_THAT(message_of([&] {
                writer.put(Rating{"Ann", "overall", "t1", 0, 0, 6});
              }),
              HasSubstr("1 to 5"));
  EXPECT_THAT(message_of([&] {
                writer.put(Rating{"Ann", "overall", "t9", 0, 0, 1});
              }),
              HasSubstr("holds no trial t9"));
  EXPECT_THAT(message_of([&] {
                writer.put(Preference{"Ann", "overall", {"t1", "t1"}, 0, 0, Preferred::tie});
              }),
              HasSubstr("compared with itself"));
  EXPECT_THAT(message_of([&] { writer.add({"small", "", ""}); }), HasSubstr("tag"));
  EXPECT_THAT(message_of([&] { AnnotationWriter(folder_ / "none.db"); }),
              HasSubstr("no such database"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "none.db"));
  EXPECT_THAT(ratings(), IsEmpty());
}

TEST_F(AnnotationsTest, AreWrittenBesideARun) {
  auto run = Store::open(path_);
  AnnotationWriter writer(path_);
  writer.put(Rating{"Ann", "overall", "t1", 0, 0, 5});
  run.put_samples("t1", {sample_record(0, 0.5)});  // made again
  EXPECT_EQ(ratings().size(), 1U);
}

TEST_F(AnnotationsTest, TagsAreOfExperimentsAndTrials) {
  AnnotationWriter writer(path_);
  writer.add({"small", "", "paper"});
  writer.add({"small", "", "paper"});
  writer.add({"", "t2", "best 🏆"});
  writer.add({"", "t1", "gone"});
  writer.remove({"", "t1", "gone"});
  EXPECT_THAT(Reader::open(path_).tags(),
              ElementsAre(Tag{"", "t2", "best 🏆"}, Tag{"small", "", "paper"}));
}

TEST_F(AnnotationsTest, TheSchemaBeforeIsBroughtUpToDate) {
  const auto old = folder_ / "old.db";
  {
    SQLite::Database database(old.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    for (const auto text : migrations().first(4)) database.exec(std::string(text));
    database.exec("PRAGMA user_version = 4");
    database.exec("PRAGMA application_id = " + std::to_string(0x54524c53));
  }
  AnnotationWriter writer(old);
  EXPECT_THAT(Reader::open(old).tags(), IsEmpty());
}

TEST_F(AnnotationsTest, ComeOverInAMerge) {
  const auto other = folder_ / "other.db";
  fill(other);
  AnnotationWriter ours(path_);
  AnnotationWriter theirs(other);
  const Rating kept{"Ann", "overall", "t1", 0, 0, 5};
  ours.put(kept);
  theirs.put(Rating{"Ann", "overall", "t1", 0, 0, 1});
  const Rating added{"Bob", "overall", "t1", 0, 0, 2};
  theirs.put(added);
  theirs.put(Preference{"Bob", "overall", {"t1", "t2"}, 1, 0, Preferred::first});
  theirs.add({"small", "", "paper"});
  theirs.add({"", "t2", "best"});
  EXPECT_EQ(merge({other}, path_).annotations, 4U);
  EXPECT_THAT(ratings(), ElementsAre(kept, added));
  EXPECT_EQ(preferences().size(), 1U);
  EXPECT_EQ(Reader::open(path_).tags().size(), 2U);
  EXPECT_EQ(merge({other}, path_).annotations, 0U);
}

TEST_F(AnnotationsTest, ThoseOfNoSampleAreFound) {
  AnnotationWriter writer(path_);
  writer.put(Rating{"Ann", "overall", "t1", 9, 0, 5});
  writer.put(Preference{"Ann", "overall", {"t1", "t2"}, 8, 0, Preferred::first});
  EXPECT_THAT(check(path_),
              ::testing::AllOf(
                  ::testing::Contains("trial t1: 1 ratings are of samples that are not stored"),
                  ::testing::Contains("trial t2: 1 preferences are of samples that are not "
                                      "stored")));
}

TEST_F(AnnotationsTest, ViewsTellThemToPeople) {
  AnnotationWriter writer(path_, fixed_clock());
  writer.put(Rating{"Ann", "overall", "t1", 1, 0, 4});
  writer.put(Preference{"Ann", "overall", {"t2", "t1"}, 1, 0, Preferred::first});
  writer.add({"small", "", "paper"});
  auto reader = Reader::open(path_);
  const auto rating =
      reader.ask("SELECT experiment, strategy, rater, score, at FROM rating_view", 9);
  EXPECT_THAT(rating.rows[0], ElementsAre("small", "greedy", "Ann", "4", fixed_clock()()));
  const auto choice =
      reader.ask("SELECT first_strategy, second_strategy, preferred FROM preference_view", 9);
  EXPECT_THAT(choice.rows[0], ElementsAre("greedy", "beam", "second"));
  EXPECT_EQ(reader.ask("SELECT tag FROM tag_view WHERE experiment = 'small'", 9).rows.size(), 1U);
}

}  // namespace
}  // namespace trellis::storage
