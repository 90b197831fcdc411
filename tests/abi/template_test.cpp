// The plugins of plugins/template, built out of tree; argument-free, run by abi/template.cmake with
// TRELLIS_TEMPLATE_PLUGINS naming their folder.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "core/plugin/model.hpp"
#include "core/plugin/strategy.hpp"
#include "core/plugin/task.hpp"
#include "tests/abi/host.hpp"

namespace trellis::tests {
namespace {

using nlohmann::json;
using plugin::Kind;
using testing::ElementsAre;

class Template : public testing::Test {
 protected:
  json settings(Kind kind, const char* id, const json& given = json::object()) {
    return plugin::complete_settings(registry_.get(kind, id).settings, given);
  }
  plugin::Registry registry_{{std::getenv("TRELLIS_TEMPLATE_PLUGINS")}, quiet_host()};
};

TEST_F(Template, EveryPluginIsWell) {
  ASSERT_EQ(registry_.files().size(), 3U);
  for (const auto& file : registry_.files()) {
    EXPECT_THAT(registry_.check(file), ElementsAre()) << file.manifest;
  }
}

TEST_F(Template, TaskTrainsModelAndStrategyGenerates) {
  auto task = plugin::Task::create(registry_, "reverse_words",
                                   settings(Kind::task, "reverse_words", {{"length", 2}}));
  ASSERT_EQ(task.count(TRELLIS_SPLIT_TRAIN), 100U);
  std::vector<plugin::TrainingExample> train;
  double letters = 0, e = 0;
  for (std::uint64_t i = 0; i < 100; ++i) {
    const auto example = task.example(TRELLIS_SPLIT_TRAIN, i);
    train.push_back({example.source, example.references[0]});
    letters += static_cast<double>(train.back().target.size());
    e += static_cast<double>(
        std::count(train.back().target.begin(), train.back().target.end(), 'e'));
  }
  TemporaryFolder folder;
  auto model = plugin::Model::create(registry_, "unigram", json::object());
  model.train(train, {}, folder.path(), 1, [](const json&) { return true; });
  auto loaded = plugin::Model::load(registry_, "unigram", folder.path());
  EXPECT_EQ(loaded.facts().json, model.facts().json);

  std::vector<float> logits(258);
  const std::int32_t bos = 256;
  auto state = loaded.open_state({});
  trellis_feed_item item{state.get(), &bos, 1, logits.data(), nullptr, 1};
  loaded.feed({&item, 1});
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
  // Counts start at 1 for each of 258 tokens, and every example ends once.
  EXPECT_NEAR(std::exp(static_cast<double>(logits['e'])) / sum, (e + 1) / (letters + 100 + 258),
              1e-6);
  EXPECT_EQ(loaded.decode(loaded.encode("猫 cat")), "猫 cat");

  const auto strategy =
      plugin::Strategy::create(registry_, "top_two", settings(Kind::strategy, "top_two"));
  EXPECT_TRUE(strategy.needs().stochastic);
  trellis_noise noise{
      sizeof noise,
      nullptr,
      nullptr,
      [](void*, std::uint64_t position, std::uint32_t) { return position == 0 ? 0.79 : 0.81; },
      nullptr,
      nullptr};
  std::vector<std::int32_t> chosen;
  trellis_answer answer{
      sizeof answer, &chosen,
      [](void* context, const trellis_move* move, trellis_error*) {
        static_cast<std::vector<std::int32_t>*>(context)->push_back(move->tokens[0]);
        return trellis_status{TRELLIS_OK};
      },
      nullptr, nullptr};
  const float scores[] = {1, 3, 3, 2};
  trellis_hypothesis hypothesis{};
  hypothesis.struct_size = sizeof hypothesis;
  hypothesis.row_count = 1;
  hypothesis.scores = hypothesis.logits = scores;
  trellis_view view{};
  view.struct_size = sizeof view;
  view.hypotheses = &hypothesis;
  view.hypothesis_count = 1;
  view.vocab_size = 4;
  view.noise = &noise;
  auto search = strategy.open_search();
  search.advance(view, answer);  // 0.79 < 0.8: the better of the two
  hypothesis.token_count = 1;
  search.advance(view, answer);
  EXPECT_THAT(chosen, ElementsAre(1, 2));
}

TEST_F(Template, TaskScores) {
  auto task =
      plugin::Task::create(registry_, "reverse_words", settings(Kind::task, "reverse_words"));
  const auto example = task.example(TRELLIS_SPLIT_TEST, 5);
  EXPECT_EQ(example.id, "2-5");
  EXPECT_EQ(task.example(TRELLIS_SPLIT_TEST, 5).source, example.source);
  EXPECT_NE(task.example(TRELLIS_SPLIT_TRAIN, 5).source, example.source);
  const std::vector<plugin::Example> examples = {example, example};
  const std::vector<plugin::Output> outputs = {{example.references[0], "eos", {}},
                                               {example.source, "eos", {}}};
  const auto scores = task.score(examples, outputs);
  EXPECT_EQ(scores[0].metrics.at("exact_match").value, 1);
  EXPECT_EQ(scores[1].metrics.at("exact_match").value, 0);
}

}  // namespace
}  // namespace trellis::tests
