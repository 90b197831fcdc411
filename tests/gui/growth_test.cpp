// Samples while a run adds to them: what is read bit by bit equals what is read at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/gui/stage.hpp"

namespace trellis::gui {
namespace {

using ::trellis::testing::sample_record;

class GrowthTest : public ::testing::Test {
 protected:
  GrowthTest() { trellis::testing::write_experiment(path_); }

  /// What the dashboard has after somebody committed, beside what it would have if it began now.
  void expect_same_as_anew() {
    auto reader = storage::Reader::open(path_);
    const auto overview = read_overview(reader, "");
    const auto before = std::exchange(
        samples_, read_samples(reader, trials_, samples_ ? &*samples_ : nullptr, overview, true));
    const auto anew = read_samples(reader, trials_, nullptr, overview, false);
    ASSERT_EQ(samples_->rows.size(), anew.rows.size());
    for (std::size_t i = 0; i < anew.rows.size(); ++i) {
      EXPECT_EQ(samples_->rows[i].rows, anew.rows[i].rows) << i;
      EXPECT_EQ(samples_->examples[samples_->rows[i].example].source,
                anew.examples[anew.rows[i].example].source)
          << i;
    }
    for (std::size_t t = 0; t < trials_.size(); ++t) {
      const auto& kept = *samples_->trials[t];
      const auto& fresh = *anew.trials[t];
      EXPECT_EQ(kept.newest, fresh.newest);
      EXPECT_EQ(kept.scored, fresh.scored);
      EXPECT_EQ(kept.metrics, fresh.metrics);
      EXPECT_TRUE(std::ranges::equal(kept.rows, fresh.rows, {}, &storage::SampleRow::output,
                                     &storage::SampleRow::output));
    }
  }

  void put(const std::string& trial, std::vector<storage::SampleRecord> samples) {
    for (auto& sample : samples) {
      if (sample.example_index < std::size(trellis::testing::written_examples)) {
        sample.source = trellis::testing::written_examples[sample.example_index].source;
      }
    }
    storage::Store::open(path_).put_samples(trial, samples);
  }

  trellis::testing::TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_ / "a.db";
  const std::vector<std::string> trials_ = {"gru-greedy", "gru-beam"};
  std::optional<PairedSamples> samples_;
};

TEST_F(GrowthTest, MoreSamplesAreReadAlone) {
  expect_same_as_anew();
  const auto untouched = samples_->trials[1];
  put("gru-greedy", {sample_record(9, 0.5, "ninth"), sample_record(6, 0.25, "sixth")});
  expect_same_as_anew();
  EXPECT_EQ(samples_->trials[1], untouched);
  // Between those that are there, and in a place that another trial has filled.
  put("gru-greedy", {sample_record(7, 0.75, "seventh")});
  put("gru-beam", {sample_record(9, 0.125, "ninth, too")});
  expect_same_as_anew();
  EXPECT_EQ(samples_->rows.size(), 9U);
}

TEST_F(GrowthTest, ASampleThatIsMadeAgainTakesItsPlace) {
  expect_same_as_anew();
  put("gru-greedy", {sample_record(2, 0.875, "again")});
  expect_same_as_anew();
  EXPECT_EQ(samples_->trials[0]->rows[2].output, "again");
  EXPECT_EQ(samples_->trials[0]->metrics.at("quality")[2], 0.875);
}

TEST_F(GrowthTest, ValuesThatChangeAreReadAgain) {
  expect_same_as_anew();
  {
    auto store = storage::Store::open(path_);
    store.put_sample_metrics("gru-greedy", {sample_record(0, 0.9375, "")});
    store.put_trial_metrics("gru-greedy", {{"quality", 0.5, 0.4, 0.6, 6}});
  }
  expect_same_as_anew();
  EXPECT_EQ(samples_->trials[0]->metrics.at("quality")[0], 0.9375);
}

}  // namespace
}  // namespace trellis::gui
