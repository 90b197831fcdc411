// Rating: what is asked and in which order, that sides tell nothing, and that answers are stored.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <set>

#include "gui/snapshot_worker.hpp"
#include "gui/view_models/rating_items.hpp"
#include "tests/gui/stage.hpp"

namespace trellis::gui {
namespace {

using ::testing::HasSubstr;
using trellis::testing::Stage;

class RateTest : public ::testing::Test {
 protected:
  RateTest() { trellis::testing::write_experiment(path()); }
  std::filesystem::path path() const { return folder_ / "small.db"; }

  RatingItems items(const std::vector<std::string>& trials, RatingKind kind) const {
    auto reader = storage::Reader::open(path());
    const auto samples =
        std::make_shared<const PairedSamples>(read_samples(reader, trials, nullptr, {}, false));
    return rating_items(std::make_shared<const SampleOrder>(order_of(samples, {})), kind);
  }
  std::vector<storage::Preference> stored() const {
    auto reader = storage::Reader::open(path());
    return reader.preferences(reader.experiment("").id);
  }

  trellis::testing::TemporaryFolder folder_;
};

TEST_F(RateTest, AsksOncePerPairAndNotAboutEqualOutputs) {
  // greedy against beam on six examples; both greedy arms wrote the same.
  const auto pairs = items({"gru-greedy", "gru-beam", "transformer-greedy"}, RatingKind::pairs);
  EXPECT_EQ(pairs.items.size(), 12U);
  EXPECT_EQ(pairs.identical, 6U);
  EXPECT_EQ(items({"gru-greedy", "gru-beam"}, RatingKind::scores).items.size(), 12U);
  EXPECT_TRUE(items({}, RatingKind::pairs).items.empty());
}

TEST_F(RateTest, OrderAndSidesAreTheSameWhicheverTrialWasChosenFirst) {
  const auto one = items({"gru-greedy", "gru-beam"}, RatingKind::pairs);
  const auto other = items({"gru-beam", "gru-greedy"}, RatingKind::pairs);
  std::set<bool> sides;
  for (std::size_t i = 0; i < one.items.size(); ++i) {
    EXPECT_EQ(example_of(one, one.items[i]), example_of(other, other.items[i]));
    for (const auto* rater : {"Ann", "Bob", "李"}) {
      const bool swapped = sides_swapped(one, one.items[i], rater);
      EXPECT_NE(swapped, sides_swapped(other, other.items[i], rater));
      sides.insert(swapped);
    }
  }
  EXPECT_EQ(sides.size(), 2U);
  const bool shuffled = !std::ranges::is_sorted(one.items, {}, &RatingItem::row);
  EXPECT_TRUE(shuffled);
}

TEST_F(RateTest, WhatWasSaidIsFoundAgain) {
  auto pairs = items({"gru-greedy", "gru-beam"}, RatingKind::pairs);
  const auto said =
      std::get<storage::Preference>(annotation_of(pairs, pairs.items[2], "Ann", "overall", 1));
  EXPECT_EQ(said.trials[0], "gru-greedy");
  Annotations annotations;
  annotations.preferences = {in_order(said)};
  mark_rated(pairs, annotations, "Ann", "overall");
  EXPECT_EQ(pairs.rated, 1U);
  EXPECT_EQ(pairs.items[2].said, 1);
  EXPECT_EQ(next_unrated(pairs, 1), 3U);
  EXPECT_EQ(next_unrated(pairs, 5), 0U);
  mark_rated(pairs, annotations, "Bob", "overall");
  EXPECT_EQ(pairs.rated, 0U);
  mark_rated(pairs, annotations, "Ann", "fluency");
  EXPECT_EQ(pairs.rated, 0U);
}

TEST_F(RateTest, KeysRateAndLeadToTheNext) {
  const char* link = "trellis:rate?trials=gru-greedy+gru-beam";
  {
    Stage stage(path(), link);
    EXPECT_THAT(stage.texts(), HasSubstr("0 of 6 rated"));
    const auto first = stage.state().example;
    stage.type("a");
    EXPECT_THAT(stage.texts(), HasSubstr("1 of 6 rated"));
    EXPECT_NE(stage.state().example, first);
    stage.type("t");
    stage.press(key_of(ImGuiKey_RightArrow));
    EXPECT_THAT(stage.texts(), HasSubstr("3 of 6 rated"));
    // Back to the last one, and say the other.
    stage.press(key_of(ImGuiKey_UpArrow));
    const auto last = stage.state().example;
    stage.type("A");
    ASSERT_EQ(stored().size(), 3U);
    // Whatever side it was on, what is stored is about the trial.
    const auto& items = *stage.snapshot().rating;
    const auto item = std::ranges::find_if(
        items.items, [&](const auto& entry) { return example_of(items, entry) == last; });
    EXPECT_EQ(item->said, sides_swapped(items, *item, "Ann") ? 3 : 1);
  }
  // Whoever comes back goes on.
  Stage again(path(), link);
  EXPECT_THAT(again.texts(), HasSubstr("3 of 6 rated"));
  const auto& items = *again.snapshot().rating;
  EXPECT_EQ(again.state().example, example_of(items, items.items[*next_unrated(items, {})]));
  again.press(key_of(ImGuiKey_UpArrow));
  again.press(key_of(ImGuiKey_Backspace));
  EXPECT_EQ(stored().size(), 2U);
}

TEST_F(RateTest, NamesAreHiddenUntilAskedFor) {
  Stage stage(path(), "trellis:rate?trials=gru-greedy+gru-beam");
  EXPECT_THAT(stage.texts(), ::testing::Not(HasSubstr("A   gru")));
  stage.type("n");
  EXPECT_THAT(stage.texts(), HasSubstr("A   gru"));
  stage.type("b");
  EXPECT_THAT(stage.texts(), ::testing::Not(HasSubstr("A   gru")));
}

TEST_F(RateTest, ResultsShowWinRatesAndScores) {
  Stage stage(path(), "trellis:rate?trials=gru-greedy+gru-beam&results=1");
  EXPECT_THAT(stage.texts(), HasSubstr("Nobody has chosen"));
  {
    storage::AnnotationWriter writer(path());
    for (std::uint64_t i = 0; i < 4; ++i) {
      writer.put(
          storage::Preference{"Bob",
                              "overall",
                              {"gru-greedy", "gru-beam"},
                              i,
                              0,
                              i == 0 ? storage::Preferred::first : storage::Preferred::second});
    }
  }
  stage.type("t");
  // One tie more: beam has 3.5 of 5.
  EXPECT_THAT(stage.texts(), HasSubstr("1  gru · beam"));
  EXPECT_THAT(stage.texts(), HasSubstr("70.0"));
  EXPECT_THAT(stage.texts(), HasSubstr("70 %  of 5"));
  Stage scores(path(), "trellis:rate?trials=gru-greedy&rating=scores&criterion=fluency&results=1");
  scores.click("answer/4");
  EXPECT_THAT(scores.texts(), HasSubstr("4.00"));
  EXPECT_THAT(scores.texts(), HasSubstr("1 of 6 rated"));
}

TEST_F(RateTest, TheWorkerStoresBesideARunAndShowsIt) {
  const auto run = storage::Store::open(path());
  SnapshotWorker worker(path(), {}, [] {});
  Wish wish;
  wish.trials = {"gru-greedy", "gru-beam"};
  wish.rating = true;
  wish.rater = "Ann";
  wish.criterion = "overall";
  wish.results_task = "copy";
  worker.set_wish(wish);
  worker.annotate(storage::Preference{
      "Ann", "overall", {"gru-beam", "gru-greedy"}, 2, 0, storage::Preferred::first});
  worker.annotate(storage::Rating{"Ann", "overall", "nobody", 0, 0, 1});
  worker.annotate(TagChange{{"", "gru-beam", "好"}, true});
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  std::shared_ptr<const Snapshot> snapshot;
  do {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    snapshot = worker.snapshot();
    ASSERT_LT(std::chrono::steady_clock::now(), end);
  } while (!snapshot->rating || snapshot->rating->rated != 1 || !snapshot->rating_results ||
           snapshot->rating_results->preferences.trials.size() != 2 ||
           snapshot->annotations->tags.size() != 1);
  EXPECT_TRUE(snapshot->characters->test(U'好'));
  EXPECT_EQ(snapshot->annotation_problem, "");  // that of the unknown trial was told and is over
}

TEST_F(RateTest, WhatCannotBeStoredIsTold) {
  std::atomic<int> told = 0;
  AnnotationQueue queue(folder_ / "none.db", [&] { ++told; });
  queue.put(storage::Rating{"Ann", "overall", "gru-beam", 0, 0, 1});
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (told == 0) {
    ASSERT_LT(std::chrono::steady_clock::now(), end);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_THAT(queue.problem(), HasSubstr("no such database"));
  EXPECT_EQ(queue.commits(), 0U);
  // It is kept, and stored once the database is there.
  std::filesystem::copy_file(path(), folder_ / "none.db");
  while (queue.commits() == 0) {
    ASSERT_LT(std::chrono::steady_clock::now(), end);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(queue.problem(), "");
}

}  // namespace
}  // namespace trellis::gui
