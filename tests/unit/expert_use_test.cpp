// How the use of experts is stored, summed up, and shown in the report.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reports/html_report.hpp"
#include "storage/maintenance.hpp"
#include "storage/queries.hpp"
#include "tests/unit/storage_fixture.hpp"

namespace trellis::storage {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using namespace trellis::testing;

// Two layers of three experts.
json use_of(const json& first, const json& second) {
  return {{{"layer", 1}, {"tokens", first}}, {{"layer", 3}, {"tokens", second}}};
}

json training_use(const json& tokens, const json& dropped) {
  return {{{"layer", 1}, {"tokens", tokens}, {"dropped", dropped}}};
}

class ExpertUseTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto store = Store::open(path_, fixed_clock());
    store.put_experiment(
        experiment_record(), {model_record("mixture"), model_record("plain")}, {task_record()},
        {trial_record("t1", "mixture", "greedy", 2), trial_record("t2", "plain", "greedy", 1)});
    auto first = sample_record(0, 1);
    first.expert_use = use_of({6, 1, 1}, {4, 4, 0});
    auto second = sample_record(1, 1);
    second.expert_use = use_of({0, 1, 3}, {2, 2, 0});
    store.put_samples("t1", {first, second});
    store.put_samples("t2", {sample_record(0, 1)});
    const auto run = store.begin_training("mixture");
    store.put_training_points(
        run, {{5, "train", 100, 1, 3.0, {}, {}, training_use({70, 80, 50}, {0, 9, 0})},
              {5, "valid", 100, 1, 3.0, {}, {}, training_use({1, 2, 3}, {0, 0, 0})},
              {10, "train", 200, 2, 2.0, {}, {}, training_use({30, 90, 80}, {1, 11, 0})},
              {10, "valid", 200, 2, 2.5, {}, {}, training_use({3, 2, 1}, {0, 0, 0})}});
    store.end_training(run, "done", 2);
    for (const auto* model : {"mixture", "plain"})
      store.put_model_result(model, {12, "hash", json::object()});
  }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "x.db";
};

TEST_F(ExpertUseTest, ComesBackAsItWentAndSummedUp) {
  auto reader = Reader::open(path_);
  EXPECT_EQ(reader.samples("t1", 0, 1, false)[0].expert_use, use_of({6, 1, 1}, {4, 4, 0}));
  EXPECT_TRUE(reader.samples("t2", 0, 1, false)[0].expert_use.is_null());
  EXPECT_EQ(reader.training_curve("mixture")[0].expert_use, training_use({70, 80, 50}, {0, 9, 0}));
  const auto layers = reader.expert_counts("t1");
  ASSERT_EQ(layers.size(), 2U);
  EXPECT_EQ(layers[0].layer, 1U);
  EXPECT_THAT(layers[0].tokens, ElementsAre(6, 2, 4));
  EXPECT_EQ(layers[1].layer, 3U);
  EXPECT_THAT(layers[1].tokens, ElementsAre(6, 6, 0));
  const auto training = reader.training_expert_counts("mixture");
  ASSERT_EQ(training.size(), 1U);
  EXPECT_THAT(training[0].tokens, ElementsAre(100, 170, 130));
  EXPECT_THAT(training[0].dropped, ElementsAre(1, 20, 0));
  const auto validation = reader.validation_expert_counts("mixture");
  ASSERT_EQ(validation.size(), 1U);
  EXPECT_THAT(validation[0].tokens, ElementsAre(3, 2, 1));
  EXPECT_THAT(reader.expert_counts("t2"), IsEmpty());
  EXPECT_THAT(reader.training_expert_counts("plain"), IsEmpty());
}

TEST_F(ExpertUseTest, ViewsGiveSharesAndDrops) {
  auto reader = Reader::open(path_);
  const auto shares =
      reader.ask("SELECT layer, expert, tokens, share FROM expert_view ORDER BY 1, 2", 10);
  ASSERT_EQ(shares.rows.size(), 6U);
  EXPECT_THAT(shares.rows[0], ElementsAre("1", "0", "6", "0.5"));
  EXPECT_THAT(shares.rows[5], ElementsAre("3", "2", "0", "0.0"));
  const auto curve = reader.ask(
      "SELECT tokens, dropped FROM expert_curve_view WHERE split = 'train' AND step = 10", 10);
  ASSERT_EQ(curve.rows.size(), 3U);
  EXPECT_THAT(curve.rows[1], ElementsAre("90", "11"));
}

TEST_F(ExpertUseTest, GoesAlongWhereDatabasesAreMerged) {
  const auto into = folder_ / "y.db";
  Store::open(into, fixed_clock());
  merge({path_}, into);
  auto reader = Reader::open(into);
  ASSERT_EQ(reader.expert_counts("t1").size(), 2U);
  EXPECT_THAT(reader.expert_counts("t1")[0].tokens, ElementsAre(6, 2, 4));
  ASSERT_EQ(reader.training_expert_counts("mixture").size(), 1U);
  EXPECT_THAT(reader.training_expert_counts("mixture")[0].dropped, ElementsAre(1, 20, 0));
}

TEST_F(ExpertUseTest, IsDrawnWithItsNumbers) {
  auto reader = Reader::open(path_);
  const auto page = reports::html_report(reader, "");
  EXPECT_THAT(page, AllOf(HasSubstr("<a href=\"#experts\">"), HasSubstr("label-mixture · copy"),
                          HasSubstr("greedy, layer 1, expert 0: 6 tokens, 50.0 %"),
                          HasSubstr("training, layer 1, expert 1: 170 tokens, 42.5 %"),
                          HasSubstr("validation, layer 1, expert 0: 3 tokens, 50.0 %"),
                          HasSubstr("170 <span class=\"half\">(−20)</span>"),
                          Not(HasSubstr("label-plain · copy: use of experts"))));
}

TEST_F(ExpertUseTest, IsLeftOutOfTheReportWhereNoModelIsAMixture) {
  const auto other = folder_ / "z.db";
  {
    auto store = Store::open(other, fixed_clock());
    store.put_experiment(experiment_record(), {model_record("plain")}, {task_record()},
                         {trial_record("t2", "plain", "greedy", 1)});
    store.put_samples("t2", {sample_record(0, 1)});
  }
  auto reader = Reader::open(other);
  EXPECT_THAT(reports::html_report(reader, ""), Not(HasSubstr("experts")));
}

}  // namespace
}  // namespace trellis::storage
