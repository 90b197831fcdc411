// What screens show, as values: links, filters, pairs, tokens, curves, plots. No ImGui frame.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "gui/palette.hpp"
#include "gui/view_models/comparison.hpp"
#include "gui/view_models/curves.hpp"
#include "gui/view_models/leaderboard.hpp"
#include "gui/view_models/sweep.hpp"
#include "gui/view_models/token_branches.hpp"
#include "gui/view_models/tokens.hpp"
#include "gui/widgets/difference.hpp"
#include "gui/widgets/parallel.hpp"
#include "gui/widgets/plot.hpp"
#include "tests/gui/stage.hpp"
#include "tests/message_of.hpp"

namespace trellis::gui {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using tests::message_of;

TEST(Link, RestoresEveryField) {
  ViewState state;
  state.screen = Screen::tokens;
  state.beams = true;
  state.experiment = "名 & = ? % +";
  state.task = "en-de";
  state.metric = "chrf++";
  state.baseline = "gru × greedy";
  state.trials = {"a", "b+c"};
  state.example = std::numeric_limits<std::uint64_t>::max();
  state.sample = 2;
  state.arm = 1;
  state.token = 7;
  state.trial_filter = "failed 最好";
  state.pivot = true;
  state.sort = "bleu";
  state.ascending = true;
  state.filter = "output:/a|b/ AND NOT \"x\"";
  state.sample_sort = SampleSort::difference;
  state.sample_descending = true;
  state.colour = TokenColour::rank;
  state.attention = true;
  state.attention_kind = "experts";
  state.tree = true;
  state.layer = 3;
  state.head = 2;
  state.explore = ExploreKind::parallel;
  state.setting = "strategy.top_p";
  state.against = "distinct_2";
  state.axis = CurveAxis::seconds;
  state.smoothing = 0.6;
  state.log_x = state.log_y = true;
  state.rating = RatingKind::scores;
  state.criterion = "流畅";
  state.other = 3;
  state.results = true;
  state.sql = "SELECT '100%'\nFROM leaderboard";
  EXPECT_EQ(state_of(link_of(state)), state);
}

TEST(Link, SaysOnlyWhatDiffers) {
  ViewState state;
  EXPECT_EQ(link_of(state), "trellis:leaderboard");
  state.screen = Screen::samples;
  state.example = 3;
  EXPECT_EQ(link_of(state), "trellis:samples?example=3");
}

TEST(Link, RefusesWhatItCannotRead) {
  for (const auto* link :
       {"", "http://x", "trellis:nowhere", "trellis:samples?example=x",
        "trellis:samples?example=-1", "trellis:samples?example", "trellis:samples?colour=red",
        "trellis:samples?no=1", "trellis:samples?task=%f", "trellis:samples?task=%FF",
        "trellis:samples?smoothing=1", "trellis:samples?smoothing=nan",
        "trellis:samples?trials=a+b+c+d+e"}) {
    EXPECT_THAT(message_of([&] { state_of(link); }), HasSubstr("link: ")) << link;
  }
}

class SamplesTest : public ::testing::Test {
 protected:
  SamplesTest() {
    trellis::testing::write_experiment(folder_ / "a.db");
    auto reader = storage::Reader::open(folder_ / "a.db");
    samples_ = std::make_shared<const PairedSamples>(
        read_samples(reader, {"gru-greedy", "transformer-beam"}, nullptr, {}, false));
  }

  std::vector<std::uint64_t> passing(const std::string& filter) const {
    const auto test = compile_filter(filter, *samples_, "quality");
    std::vector<std::uint64_t> examples;
    for (const auto& row : samples_->rows) {
      if (test(row)) examples.push_back(samples_->examples[row.example].example_index);
    }
    return examples;
  }

  trellis::testing::TemporaryFolder folder_;
  std::shared_ptr<const PairedSamples> samples_;
};

TEST_F(SamplesTest, ArePairedByExample) {
  ASSERT_EQ(samples_->rows.size(), 6);
  for (std::size_t i = 0; i < 6; ++i) {
    const auto& row = samples_->rows[i];
    EXPECT_EQ(samples_->examples[row.example].example_index, i);
    EXPECT_DOUBLE_EQ(metric_of(*samples_, row, 0, "quality"), static_cast<double>(i * 3 % 7) / 8);
    EXPECT_DOUBLE_EQ(metric_of(*samples_, row, 1, "quality"),
                     static_cast<double>((i * 3 + 6) % 7) / 8);
    EXPECT_DOUBLE_EQ(metric_of(*samples_, row, 1, "slips"),
                     1 - static_cast<double>((i * 3 + 6) % 7) / 8);
  }
}

TEST_F(SamplesTest, WithoutAPartnerStandAlone) {
  {
    auto store = storage::Store::open(folder_ / "a.db");
    auto extra = trellis::testing::sample_record(2, 0.5, "second");
    extra.sample_index = 1;
    store.put_samples("gru-greedy", {extra});
  }
  auto reader = storage::Reader::open(folder_ / "a.db");
  const auto samples = read_samples(reader, {"transformer-beam", "gru-greedy"}, nullptr, {}, false);
  ASSERT_EQ(samples.rows.size(), 7);
  EXPECT_EQ(samples.rows[3].rows[0], no_sample);
  EXPECT_EQ(samples.rows[3].sample_index, 1);
  EXPECT_TRUE(std::isnan(metric_of(samples, samples.rows[3], 0, "quality")));
  EXPECT_DOUBLE_EQ(metric_of(samples, samples.rows[3], 1, "quality"), 0.5);
  EXPECT_TRUE(std::isnan(difference_of(samples, samples.rows[3], "quality")));
}

TEST_F(SamplesTest, AreFilteredByTextFieldAndNumber) {
  EXPECT_THAT(passing(""), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(passing("CAT"), ElementsAre(0));
  EXPECT_THAT(passing("\"the mat\""), ElementsAre(0));
  EXPECT_THAT(passing("output:mat"), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(passing("output1:mat"), IsEmpty());
  EXPECT_THAT(passing("/^It|morning/"), ElementsAre(1, 2));
  EXPECT_THAT(passing("source:/\\p{Hebrew}/"), ElementsAre(3));
  EXPECT_THAT(passing("reference:下雨"), ElementsAre(1));
  EXPECT_THAT(passing("👋"), ElementsAre(2));
  EXPECT_THAT(passing("example>=4"), ElementsAre(4, 5));
  // Qualities in eighths: 0 3 6 2 5 1 of the first, 6 2 5 1 4 0 of the second.
  EXPECT_THAT(passing("quality1>0.6"), ElementsAre(2, 4));
  EXPECT_THAT(passing("quality>0.7"), ElementsAre(0, 2));
  EXPECT_THAT(passing("quality=0.25"), ElementsAre(1, 3));
  EXPECT_THAT(passing("difference>0"), ElementsAre(0));
  EXPECT_THAT(passing("length2=5 length1=2"), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(passing("same"), IsEmpty());
  EXPECT_THAT(passing("NOT different"), IsEmpty());
}

TEST_F(SamplesTest, CombineConditions) {
  EXPECT_THAT(passing("example=1 OR example=2"), ElementsAre(1, 2));
  EXPECT_THAT(passing("example<3 AND NOT example=1"), ElementsAre(0, 2));
  EXPECT_THAT(passing("example=5 OR example<2 example>0"), ElementsAre(1, 5));
  EXPECT_THAT(passing("(example=5 OR example<2) example>0"), ElementsAre(1, 5));
  EXPECT_THAT(passing("(example=0 OR example=2) NOT (cat)"), ElementsAre(2));
}

TEST_F(SamplesTest, RefuseABadFilterWithItsPlace) {
  const auto problem = [&](const std::string& filter) {
    return message_of([&] { compile_filter(filter, *samples_, "quality"); });
  };
  EXPECT_THAT(problem("cat AND"), HasSubstr("filter:8: a condition is missing"));
  EXPECT_THAT(problem("(cat"), HasSubstr("')' is missing"));
  EXPECT_THAT(problem("cat)"), HasSubstr("filter:4: ')' closes nothing"));
  EXPECT_THAT(problem("\"cat"), HasSubstr("filter:1: a closing \" is missing"));
  EXPECT_THAT(problem("/(/"), HasSubstr("filter:1: "));
  EXPECT_THAT(problem("colour:red"), HasSubstr("no field 'colour'"));
  EXPECT_THAT(problem("beauty>1"), HasSubstr("no metric 'beauty'"));
  EXPECT_THAT(problem("quality>x"), HasSubstr("a number is missing"));
  EXPECT_THAT(problem(std::string(100000, '(')), HasSubstr("too deep"));
}

TEST_F(SamplesTest, AreSortedWithUndefinedLast) {
  Wish wish;
  wish.metric = "quality";
  wish.sort = SampleSort::value;
  EXPECT_THAT(order_of(samples_, wish).rows, ElementsAre(0, 5, 3, 1, 4, 2));
  wish.descending = true;
  EXPECT_THAT(order_of(samples_, wish).rows, ElementsAre(2, 4, 1, 3, 5, 0));
  wish.metric = "unknown";
  EXPECT_THAT(order_of(samples_, wish).rows, ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST_F(SamplesTest, CountWinsTiesAndLosses) {
  const auto wins = wins_of(*samples_, 1, "quality", true);
  EXPECT_EQ(wins.wins, 1);
  EXPECT_EQ(wins.ties, 0);
  EXPECT_EQ(wins.losses, 5);
  EXPECT_EQ(wins_of(*samples_, 1, "slips", false).wins, 1);
}

TEST_F(SamplesTest, TokensPartWhereTextsDiffer) {
  auto reader = storage::Reader::open(folder_ / "a.db");
  const auto parted = read_tokens(reader, {"gru-greedy", "transformer-beam"}, 0, 0);
  EXPECT_EQ(parting(parted), 2);
  EXPECT_EQ(parting(read_tokens(reader, {"gru-greedy", "transformer-greedy"}, 0, 0)), std::nullopt);
  EXPECT_EQ(parting(read_tokens(reader, {"gru-greedy"}, 0, 0)), std::nullopt);
  // One half times one quarter.
  EXPECT_NEAR(std::exp(log_probability_of(*parted.samples[0], 2)), 0.125, 1e-12);
  EXPECT_FALSE(read_tokens(reader, {"gru-greedy"}, 99, 0).samples[0]);
}

TEST_F(SamplesTest, BranchesShareWhatOutputsHaveInCommon) {
  auto reader = storage::Reader::open(folder_ / "a.db");
  // Two tokens of greedy, which beam goes on from for three more.
  const auto tokens =
      read_tokens(reader, {"gru-greedy", "transformer-beam", "transformer-greedy"}, 0, 0);
  const auto root = token_branches(tokens);
  EXPECT_THAT(root.arms, ElementsAre(0, 1, 2));
  EXPECT_EQ(root.end, 2U);
  ASSERT_EQ(root.next.size(), 1U);
  EXPECT_THAT(root.next[0].arms, ElementsAre(1));
  EXPECT_EQ(root.next[0].begin, 2U);
  EXPECT_EQ(root.next[0].end, 5U);
  EXPECT_TRUE(root.next[0].next.empty());
  EXPECT_EQ(leaves_of(root), 1U);
  EXPECT_TRUE(token_branches(read_tokens(reader, {"gru-greedy"}, 99, 0)).arms.empty());
}

TEST(Branches, OneForEachWayToGoOn) {
  SampleTokens tokens;
  for (const auto& ids :
       std::vector<std::vector<std::int32_t>>{{1, 2, 3}, {1, 4}, {1, 2, 5}, {9}}) {
    storage::SampleRecord sample;
    for (const auto id : ids) sample.tokens.push_back({id, "x", 0, 0, 1, nullptr});
    tokens.samples.emplace_back(std::move(sample));
  }
  const auto root = token_branches(tokens);
  EXPECT_EQ(root.end, 0U);
  ASSERT_EQ(root.next.size(), 2U);
  EXPECT_THAT(root.next[0].arms, ElementsAre(0, 1, 2));
  ASSERT_EQ(root.next[0].next.size(), 2U);
  EXPECT_THAT(root.next[0].next[0].arms, ElementsAre(0, 2));
  EXPECT_EQ(leaves_of(root), 4U);
}

TEST(Alternatives, HoldTheTakenTokenAndTheMass) {
  auto token = trellis::testing::token(1, "a", 0.5, "b");
  auto list = alternatives_of(token);
  ASSERT_EQ(list.size(), 2);
  EXPECT_TRUE(list[0].taken);
  EXPECT_THAT(list[1].mass, DoubleNear(0.75, 1e-12));
  token.rank = 40;
  token.text = "far";
  list = alternatives_of(token);
  ASSERT_EQ(list.size(), 3);
  EXPECT_EQ(list[2].text, "far");
  EXPECT_TRUE(list[2].taken);
  token.alternatives = nlohmann::json::parse(R"([["x"], 7, null, ["y", "z"]])");
  EXPECT_EQ(alternatives_of(token).size(), 1);
}

TEST(Curve, SmoothingKeepsAConstantAndForgetsSlowly) {
  EXPECT_THAT(smoothed({2, 2, 2}, 0.9),
              ElementsAre(DoubleNear(2, 1e-12), DoubleNear(2, 1e-12), DoubleNear(2, 1e-12)));
  EXPECT_EQ(smoothed({1, 5}, 0).back(), 5);
  // Weights 0.25 and 0.5 on 0 and 3.
  EXPECT_NEAR(smoothed({0, 3}, 0.5).back(), 2, 1e-12);
}

SweptSetting swept(const char* name, std::vector<std::string> texts,
                   const std::vector<double>& numbers) {
  return {name, name, std::move(texts), numbers, true};
}

TEST(Sweep, LinesJoinArmsThatDifferInOneSettingOnly) {
  const double none = std::numeric_limits<double>::quiet_NaN();
  const std::vector<SweptSetting> settings = {
      swept("p", {"0.9", "0.5", "1", "0.5", ""}, {0.9, 0.5, 1, 0.5, none}),
      {"model",
       "model",
       {"gru", "gru", "lstm", "lstm", "gru"},
       {none, none, none, none, none},
       false}};
  const auto lines = sweep_lines(settings, 0);
  ASSERT_EQ(lines.size(), 2);
  EXPECT_EQ(lines[0].name, "model = gru");
  EXPECT_THAT(lines[0].rows, ElementsAre(1, 0));
  EXPECT_THAT(lines[1].rows, ElementsAre(3, 2));
}

TEST_F(SamplesTest, SweptSettingsLeaveOutWhatIsToldAlready) {
  auto reader = storage::Reader::open(folder_ / "a.db");
  auto overview = read_overview(reader, "");
  const auto table = reports::compare(reader, {}).tables.at(0);
  for (auto& model : overview.models) {
    const bool gru = model.record.label == "gru";
    model.record.settings["cell"] = gru ? "gru" : "";      // one value where it is there
    model.record.settings["norm"] = gru ? "pre" : "post";  // as the label
    model.record.settings["width"] = gru ? 1 : 2;          // as hidden
  }
  for (auto& trial : overview.trials) {
    const bool beam = trial.record.strategy_label == "beam";
    trial.record.strategy = {{"plugin", beam ? "beam" : "greedy"},
                             {"version", beam ? "1" : "2"},
                             {"settings", {{"num_beams", beam ? 4 : 1}}}};
  }
  std::vector<std::string> labels;
  for (const auto& setting : swept_settings(overview, table)) labels.push_back(setting.label);
  EXPECT_THAT(labels, ElementsAre("model", "strategy", "num_beams", "hidden"));
}

TEST_F(SamplesTest, SweptSettingsAreThoseThatDiffer) {
  auto reader = storage::Reader::open(folder_ / "a.db");
  const auto overview = read_overview(reader, "");
  const auto table = reports::compare(reader, {}).tables.at(0);
  const auto settings = swept_settings(overview, table);
  const auto hidden = std::ranges::find(settings, "model.hidden", &SweptSetting::name);
  ASSERT_NE(hidden, settings.end());
  EXPECT_TRUE(hidden->numeric);
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    EXPECT_EQ(hidden->numbers[row], table.rows[row].model == "gru" ? 64 : 32);
  }
  const auto model = std::ranges::find(settings, "model", &SweptSetting::name);
  ASSERT_NE(model, settings.end());
  EXPECT_FALSE(model->numeric);
  EXPECT_EQ(std::ranges::find(settings, "strategy.top_p", &SweptSetting::name), settings.end());
}

TEST(Parallel, ALineMustPassAllBrushes) {
  const std::vector<ParallelAxis> axes = {{"p", {0.1, 0.5, 0.9}, {}}, {"bleu", {3, 2, 1}, {}}};
  ParallelView view;
  EXPECT_TRUE(is_brushed(axes, view, 0));
  view.brushes["p"] = {0.95, 0.4};  // dragged downwards
  EXPECT_FALSE(is_brushed(axes, view, 0));
  EXPECT_TRUE(is_brushed(axes, view, 1));
  view.brushes["bleu"] = {0, 1.5};
  EXPECT_FALSE(is_brushed(axes, view, 1));
  EXPECT_TRUE(is_brushed(axes, view, 2));
  view.brushes["gone"] = {7, 8};
  EXPECT_TRUE(is_brushed(axes, view, 2));
}

TEST(Explore, ShowsAMetricAgainstAnotherKind) {
  reports::TaskTable table;
  for (const auto* name : {"bleu", "bleu_lowercase", "chrf", "chrf++"}) {
    table.columns.push_back({name, "", true, 2});
  }
  EXPECT_EQ(metric_against(table, "bleu"), "chrf");
  EXPECT_EQ(metric_against(table, "chrf++"), "bleu");
  table.columns.push_back({"distinct_1", "", true, 4});
  table.columns.push_back({"distinct_2", "", true, 4});
  EXPECT_EQ(metric_against(table, "bleu"), "distinct_2");
  EXPECT_EQ(metric_against(table, "distinct_2"), "bleu");
}

TEST(ParetoFront, KeepsWhatNothingBeats) {
  const double none = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(pareto_front({1, 2, 3, 2, none}, {3, 2, 1, 1, 9}, true, true),
              ElementsAre(true, true, true, false, false));
  EXPECT_THAT(pareto_front({1, 2}, {1, 2}, true, false), ElementsAre(true, true));
  EXPECT_THAT(pareto_front({1, 1}, {1, 1}, true, true), ElementsAre(true, true));
}

TEST(Plot, TicksAreRoundAndInside) {
  EXPECT_THAT(plot_ticks({0, 1}, false, 5),
              ElementsAre(0, DoubleNear(0.2, 1e-12), DoubleNear(0.4, 1e-12), DoubleNear(0.6, 1e-12),
                          DoubleNear(0.8, 1e-12), 1));
  EXPECT_THAT(plot_ticks({1, 10000}, true, 5).size(), 5);
  for (const double tick : plot_ticks({0.3, 40}, true, 5)) {
    EXPECT_GE(tick, 0.3);
    EXPECT_LE(tick, 40);
  }
}

TEST(Plot, DecimationKeepsEveryPeak) {
  std::vector<double> x;
  std::vector<double> y;
  for (int i = 0; i < 100000; ++i) {
    x.push_back(i);
    y.push_back(i == 77777 ? 100 : i == 12345 ? -100 : std::sin(i));
  }
  y[500] = std::numeric_limits<double>::quiet_NaN();
  const auto kept = keep_extremes(x, y, {0, 100000}, 300);
  EXPECT_LE(kept.size(), 1200);
  EXPECT_TRUE(std::ranges::is_sorted(kept));
  EXPECT_TRUE(std::ranges::binary_search(kept, 77777U));
  EXPECT_TRUE(std::ranges::binary_search(kept, 12345U));
  EXPECT_EQ(kept.front(), 0);
  EXPECT_EQ(kept.back(), 99999);
}

std::string marked(std::string_view first, std::string_view second) {
  std::string text;
  for (const auto& piece : difference(first, second)) {
    if (!piece.common) text += '[';
    text += piece.text;
    if (!piece.common) text += ']';
  }
  return text;
}

TEST(Difference, MarksWordsAndCharactersThatAreNew) {
  EXPECT_EQ(marked("a b c", "a x c"), "a[ x] c");
  EXPECT_EQ(marked("a b", "a b c"), "a b[ c]");
  EXPECT_EQ(marked("猫坐在垫子上", "猫睡在垫子上"), "猫[睡]在垫子上");
  EXPECT_EQ(marked("", "a"), "[a]");
  EXPECT_EQ(marked("a", ""), "");
  EXPECT_EQ(marked("same words", "same  words"), "same  words");
}

TEST(Palette, FindsAllWordsInAnyOrder) {
  const std::vector<Command> commands = {
      {"copy link to this view", ""}, {"go to leaderboard", ""}, {"metric bleu", ""}};
  EXPECT_EQ(matching(commands, "LEAD go").size(), 1);
  EXPECT_EQ(matching(commands, "o").front().name, "copy link to this view");
  EXPECT_EQ(matching(commands, "").size(), 3);
  EXPECT_THAT(matching(commands, "bleu x"), IsEmpty());
}

}  // namespace
}  // namespace trellis::gui
