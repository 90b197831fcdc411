// What a comparison claims: which arm is best, what differs beyond chance, and what does not
// compare.
#include "reports/comparison.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "core/error.hpp"
#include "reports/arm_tests.hpp"
#include "reports/html_report.hpp"
#include "reports/test_table.hpp"
#include "reports/writers.hpp"
#include "tests/unit/storage_fixture.hpp"

namespace trellis::reports {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace trellis::testing;

constexpr std::uint64_t kSamples = 10;

class ComparisonTest : public ::testing::Test {
 protected:
  // Two models with one strategy: `plain` gets nothing right and has perplexity 2, `good` gets all
  // right and has perplexity 4.
  void fill(const nlohmann::json& plain_tokenizer, const nlohmann::json& good_tokenizer) {
    auto store = storage::Store::open(path_, fixed_clock());
    auto task = task_record();
    task.metrics.push_back({{"name", "perplexity"}, {"higher_is_better", false}});
    store.put_experiment(experiment_record(), {model_record("plain"), model_record("good")}, {task},
                         {trial_record("t1", "plain", "greedy", kSamples),
                          trial_record("t2", "good", "greedy", kSamples)});
    put(store, "plain", plain_tokenizer, "t1", 0, 2);
    put(store, "good", good_tokenizer, "t2", 1, 4);
  }

  static void put(storage::Store& store, const std::string& model, const nlohmann::json& tokenizer,
                  const std::string& trial, double quality, double perplexity) {
    store.put_model_result(model, {12, "hash", {{"tokenizer", tokenizer}}});
    std::vector<storage::SampleRecord> samples;
    for (std::uint64_t i = 0; i < kSamples; ++i) {
      auto sample = sample_record(i, quality, "<b>out</b>");
      sample.metrics["slips"] = {0, {}};
      // Nats and tokens: one token a reference.
      sample.metrics["perplexity"] = {perplexity, {std::log(perplexity), 1}};
      samples.push_back(sample);
    }
    store.put_samples(trial, samples);
    store.set_status(trial, storage::TrialStatus::done);
  }

  TaskTable table(const CompareOptions& options = {}) {
    auto reader = storage::Reader::open(path_);
    return compare(reader, options).tables.at(0);
  }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "results.db";
  nlohmann::json characters_ = {{"kind", "character"}, {"vocab_size", 60}};
  nlohmann::json pieces_ = {{"kind", "bpe"}, {"vocab_size", 800}};
};

TEST_F(ComparisonTest, TheBestArmAndWhatDiffersAreMarked) {
  fill(characters_, characters_);
  const auto found = table();
  ASSERT_EQ(found.rows.size(), 2U);
  const auto& baseline = found.rows[0];
  const auto& good = found.rows[1];
  EXPECT_TRUE(baseline.baseline);
  EXPECT_EQ(good.cells[0].value, 1.0);
  EXPECT_EQ(good.cells[0].difference, 1.0);
  EXPECT_TRUE(good.cells[0].best);
  // Of 2^10 ways to swap the pairs two are as extreme, far below one in twenty.
  EXPECT_TRUE(good.cells[0].significant);
  EXPECT_NEAR(*good.cells[2].value, 4, 1e-12);  // exp(log(4)), summed ten times
  EXPECT_TRUE(baseline.cells[2].best);
  EXPECT_TRUE(good.cells[2].significant);
}

TEST_F(ComparisonTest, NoArmIsBestWhereAllAreEqual) {
  fill(characters_, characters_);
  for (const auto& row : table().rows) EXPECT_FALSE(row.cells[1].best) << row.model;
  storage::Store::open(path_, fixed_clock())
      .put_experiment(experiment_record(), {model_record("plain"), model_record("good")},
                      {task_record()},
                      {trial_record("t1", "plain", "greedy", kSamples),
                       trial_record("t2", "good", "greedy", kSamples),
                       trial_record("t3", "good", "sample", kSamples)});
  const auto found = table();  // An arm that has no value yet is no reason to praise another.
  ASSERT_EQ(found.rows.size(), 3U);
  for (const auto& row : found.rows) EXPECT_FALSE(row.cells[1].best) << row.strategy;
}

TEST_F(ComparisonTest, WhatCountsTokensComparesWithinOneVocabularyOnly) {
  fill(characters_, pieces_);
  const auto found = table();
  EXPECT_NEAR(*found.rows[1].cells[2].value, 4, 1e-12);
  for (const auto& row : found.rows) {
    EXPECT_FALSE(row.cells[2].best) << row.model;
    EXPECT_FALSE(row.cells[2].p_value) << row.model;
  }
  EXPECT_TRUE(found.rows[1].cells[0].best);  // Other metrics compare as ever.
  EXPECT_TRUE(found.rows[1].cells[0].significant);
}

TEST_F(ComparisonTest, TheBaselineAndMetricsCanBeChosen) {
  fill(characters_, characters_);
  CompareOptions options;
  options.baseline = "label-good";
  options.metrics = {"perplexity", "quality"};
  const auto found = table(options);
  EXPECT_EQ(found.rows[0].model, "label-good");
  EXPECT_EQ(found.columns[0].name, "perplexity");
  EXPECT_EQ(found.rows[1].cells[1].difference, -1.0);
  options.metrics = {"qualty"};
  try {
    table(options);
    FAIL() << "took a metric that there is not";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("no metric 'qualty'"), HasSubstr("quality")));
  }
}

TEST(PairedExamples, TakeTheMeanOfAnExamplesSamples) {
  // Seed, example, sample. Example 1 has two samples on one side; 2 and 3 are on one side only, 3
  // because its value is undefined.
  const ArmSamples baseline{{{1, 1, 0}, {0.5, {1, 2}}}, {{1, 2, 0}, {1, {1, 1}}}};
  const ArmSamples candidate{{{1, 1, 0}, {0, {2, 4}}},
                             {{1, 1, 1}, {1, {4, 8}}},
                             {{2, 3, 0}, {1, {1, 1}}},
                             {{1, 2, 0}, {std::nullopt, {}}}};
  const auto pairs = pair_examples(baseline, candidate);
  ASSERT_EQ(pairs.baseline.size(), 1U);
  EXPECT_EQ(pairs.baseline[0].value, 0.5);
  EXPECT_EQ(pairs.candidate[0].value, 0.5);
  EXPECT_EQ(pairs.candidate[0].statistics, (std::vector<double>{3, 6}));
  EXPECT_EQ(pairs.only_baseline, 1U);
  EXPECT_EQ(pairs.only_candidate, 1U);
}

TEST_F(ComparisonTest, SaysWhatTellsArmsApartAndWhatWouldBeNeeded) {
  fill(characters_, characters_);
  const auto found = table();
  EXPECT_EQ(found.rows[0].group, "b");  // the worse one, though it is the baseline
  EXPECT_EQ(found.rows[1].group, "a");
  const auto& cell = found.rows[1].cells[0];
  EXPECT_EQ(cell.test, "McNemar");
  EXPECT_NEAR(*cell.p_value, 2.0 / 1024, 1e-12);
  // Three metrics of one arm are three tests, of which this is one of the two smallest.
  EXPECT_GE(*cell.adjusted_p, 2 * *cell.p_value - 1e-12);
  EXPECT_FALSE(cell.effect_size);  // all examples differ by the same
  EXPECT_EQ(cell.difference_low, 1.0);
}

TEST_F(ComparisonTest, ReportsExamplesThatOneSideLacks) {
  fill(characters_, characters_);
  auto store = storage::Store::open(path_, fixed_clock());
  auto sample = sample_record(kSamples - 1, 1, "out");
  sample.metrics["quality"] = {std::nullopt, {}};
  store.put_samples("t2", {sample});
  auto reader = storage::Reader::open(path_);
  const auto comparison = compare(reader, {});
  EXPECT_EQ(comparison.tables[0].rows[1].cells[0].only_baseline, 1U);
  EXPECT_EQ(comparison.tables[0].rows[1].cells[0].pairs, kSamples - 1);
  std::ostringstream out;
  write_comparison(comparison, Format::terminal, {}, out);
  EXPECT_THAT(out.str(),
              HasSubstr("label-good × greedy, quality: of 10 examples 0 have no value in "
                        "the baseline and 1 none in this arm; the test is over the other 9"));
  EXPECT_THAT(test_table(comparison), HasSubstr("McNemar"));
}

TEST_F(ComparisonTest, WrittenTablesHoldTheValues) {
  fill(characters_, characters_);
  auto reader = storage::Reader::open(path_);
  const auto comparison = compare(reader, {});
  const auto written = [&](Format format) {
    std::ostringstream out;
    write_comparison(comparison, format, {}, out);
    return out.str();
  };
  EXPECT_THAT(written(Format::terminal), HasSubstr("label-good"));
  EXPECT_THAT(written(Format::markdown), HasSubstr("| **1.000 ± 0.000 \\*** |"));
  EXPECT_THAT(written(Format::csv), HasSubstr("small,copy,label-good,greedy,0,quality,1,"));
  const auto json = nlohmann::json::parse(written(Format::json));
  EXPECT_THAT(json.dump(), HasSubstr("label-good"));
}

TEST_F(ComparisonTest, DiagnosticsAreShownInTheReportAndWhereTheyAreAskedFor) {
  {
    auto store = storage::Store::open(path_, fixed_clock());
    auto task = task_record();
    task.overlap = {{"words", 13},
                    {"comparable", 8},
                    {"examples", nlohmann::json::array({nlohmann::json::array({"test-1", 0.5})})}};
    store.put_experiment(experiment_record(), {model_record("good")}, {task},
                         {trial_record("t1", "good", "greedy", kSamples)});
    store.put_model_result("good", {12, "hash", {{"tokenizer", characters_}}});
    std::vector<storage::SampleRecord> samples;
    for (std::uint64_t i = 0; i < kSamples; ++i) {
      auto sample = sample_record(i, 1);
      // One guess of confidence 0.9 that is right; right when forced, wrong when free.
      std::vector<double> calibration(45, 0);
      calibration[3 * 13] = calibration[3 * 13 + 2] = 1;
      calibration[3 * 13 + 1] = 0.9;
      sample.metrics["calibration_error"] = {0.1, calibration};
      std::vector<double> exposure(21, 0);
      exposure[0] = exposure[1] = 1;
      sample.metrics["exposure_gap"] = {1, exposure};
      samples.push_back(sample);
    }
    store.put_samples("t1", samples);
    store.put_trial_metrics("t1", {{"calibration_error", 0.1, 0.09, 0.11, kSamples},
                                   {"exposure_gap", 1, {}, {}, kSamples},
                                   {"share.female", 0.25, 0.2, 0.3, 7},
                                   {"share.female.references", 0.5, {}, {}, 9},
                                   {"share.female.training", 0.4, {}, {}, 100}});
    store.set_status("t1", storage::TrialStatus::done);
  }
  for (const auto& column : table().columns) {
    EXPECT_THAT(column.name, AllOf(Not("calibration_error"), Not("exposure_gap"),
                                   Not(::testing::StartsWith("share."))));
  }
  CompareOptions options;
  options.metrics = {"calibration_error", "share.female"};
  EXPECT_EQ(table(options).columns.size(), 2U);
  auto reader = storage::Reader::open(path_);
  EXPECT_EQ(reader.tasks(reader.experiment("").id)[0].overlap["comparable"], 8);
  const auto page = html_report(reader, "");
  EXPECT_THAT(page, HasSubstr("1 of the 8 test examples with 13 words in a row"));
  EXPECT_THAT(page, HasSubstr("0.100 <span class=\"half\">(0.090 to 0.110)</span>"));
  EXPECT_THAT(page, HasSubstr("title=\"10 tokens, mean confidence 0.900\">100</td>"));
  EXPECT_THAT(page, HasSubstr("title=\"10 places\">100 → 0</td>"));
  EXPECT_THAT(page, HasSubstr("<td class=\"number\">0.500</td><td class=\"number\">0.400</td>"));
}

TEST_F(ComparisonTest, TheReportEscapesOutputsAndNeedsNothingElse) {
  fill(characters_, characters_);
  auto reader = storage::Reader::open(path_);
  const auto page = html_report(reader, "");
  EXPECT_THAT(page, AllOf(HasSubstr("&lt;b&gt;out&lt;/b&gt;"), Not(HasSubstr("<b>out</b>")),
                          Not(HasSubstr("<script")), Not(HasSubstr("<link")),
                          Not(HasSubstr("src=\"http"))));
}

}  // namespace
}  // namespace trellis::reports
