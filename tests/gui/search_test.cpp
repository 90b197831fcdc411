// What a search kept and dropped: from the answer of `trellis explain` to the tree on the screen.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "gui/explanation.hpp"
#include "gui/view_models/search_columns.hpp"
#include "tests/gui/stage.hpp"
#include "tests/message_of.hpp"

namespace trellis::gui {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

json node(json parent, const char* text, const char* fate) {
  return {{"parent", std::move(parent)},
          {"text", text},
          {"probability", 0.5},
          {"score", -1.5},
          {"fate", fate}};
}

/// Two beams: a and b; aa and ab push out b; ab ends, aa goes on to the output.
json explained(json nodes) {
  return {{"encoder", json::array()},
          {"decoder", json::array({{{"id", 2}, {"text", "<bos>"}}})},
          {"judged", json::array({{{"id", 3}, {"text", "a"}}})},
          {"attention", json::array()},
          {"search", {{"nodes", std::move(nodes)}}}};
}

json two_beams() {
  return json::array({node(nullptr, "b", "dropped"), node(nullptr, "a", "passed"),
                      node(1, "b", "finished"), node(1, "a", "passed"), node(3, "a", "output")});
}

/// What stands in a column, from top to bottom.
std::vector<std::size_t> tokens_of(const std::vector<SearchPlace>& column) {
  std::vector<std::size_t> tokens;
  for (const auto& place : column) tokens.push_back(place.token);
  return tokens;
}

TEST(Search, StandsInColumnsWithTheOutputOnTop) {
  const auto attention = attention_from(explained(two_beams()));
  ASSERT_EQ(attention.search.size(), 5U);
  EXPECT_EQ(attention.search[4].parent, 3U);
  const auto columns = search_columns(attention.search);
  ASSERT_EQ(columns.size(), 3U);
  EXPECT_THAT(tokens_of(columns[0]), ElementsAre(1, 0));  // a, b
  EXPECT_THAT(tokens_of(columns[1]), ElementsAre(3, 2));  // aa, ab
  EXPECT_THAT(tokens_of(columns[2]), ElementsAre(4));
  EXPECT_TRUE(columns[0][0].to_output);
  EXPECT_FALSE(columns[0][1].to_end);
  EXPECT_TRUE(columns[1][1].to_end);
  EXPECT_FALSE(columns[1][1].to_output);
}

TEST(Search, OfNothingHasNoColumns) {
  EXPECT_THAT(search_columns({}), IsEmpty());
}

TEST(Search, RefusesATokenBeforeItsParent) {
  EXPECT_THAT(
      tests::message_of([] { attention_from(explained(json::array({node(1, "a", "passed")}))); }),
      HasSubstr("before its parent"));
}

TEST(Search, IsDrawnForTheChosenArm) {
  trellis::testing::TemporaryFolder folder;
  trellis::testing::write_experiment(folder / "a.db");
  trellis::testing::Stage stage(folder / "a.db", "trellis:tokens?trials=gru-greedy+gru-beam&arm=1");
  stage.click("beams");
  EXPECT_TRUE(stage.state().beams);
  EXPECT_THAT(stage.texts(), HasSubstr("made again"));
  auto attention = attention_from(explained(two_beams()));
  attention.trial = "gru-beam";
  stage.snapshot().attention = std::make_shared<const Attention>(attention);
  stage.settle();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(stage.items().contains("beam/" + std::to_string(i))) << i;
  // The output is one line; what else was kept at a position stands below it.
  EXPECT_EQ(stage.items().at("beam/3").y, stage.items().at("beam/4").y);
  EXPECT_GT(stage.items().at("beam/2").y, stage.items().at("beam/3").y);
  EXPECT_EQ(stage.items().at("beam/2").x, stage.items().at("beam/3").x);
  EXPECT_EQ(stage.items().at("beam/0").y, stage.items().at("beam/2").y);
  stage.click("beam/4");
  EXPECT_EQ(stage.state().token, 2U);
  // Another arm's search is not this one's.
  stage.click("beams/0");
  EXPECT_THAT(stage.texts(), HasSubstr("made again"));
}

}  // namespace
}  // namespace trellis::gui
