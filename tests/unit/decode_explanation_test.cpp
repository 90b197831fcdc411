/// A text explained: probabilities derived by hand, attention as the model shows it.
#include "core/decode/explanation.hpp"
#include "tests/unit/decode_fixture.hpp"

namespace trellis::tests {
namespace {

using testing::ElementsAre;

TableSettings two_letters() {
  return markov(2, {{"", {{"a", 0.5}, {"b", 0.3}, {"", 0.2}}},
                    {"a", {{"b", 0.6}, {"a", 0.25}, {"", 0.15}}},
                    {"b", {{"", 0.7}, {"a", 0.3}}}});
}

TEST(Explanation, FollowsTheChainRule) {
  Table table(two_letters());
  const auto told = decode::explain(table.model, {.target = "ab", .top_alternatives = 2});
  EXPECT_THAT(told.decoder, ElementsAre(0, 2, 3));
  ASSERT_EQ(told.judged.size(), 3U);
  EXPECT_NEAR(told.judged[0].log_probability, std::log(0.5), 1e-6);
  EXPECT_NEAR(told.judged[1].log_probability, std::log(0.6), 1e-6);
  EXPECT_NEAR(told.judged[2].log_probability, std::log(0.7), 1e-6);
  EXPECT_NEAR(told.log_probability, std::log(0.5 * 0.6 * 0.7), 1e-6);
  EXPECT_EQ(told.judged[0].rank, 1U);
  ASSERT_EQ(told.judged[0].alternatives.size(), 2U);
  EXPECT_EQ(told.judged[0].alternatives[1].token, 3);
  EXPECT_TRUE(told.attention.empty());  // this model shows none
  EXPECT_EQ(table.counts->live, 0U);
}

TEST(Explanation, JudgesNeitherPrefixNorAnEndThatIsNotThere) {
  Table table(two_letters());
  const auto told = decode::explain(table.model, {.prefix = "a", .target = "ba", .ends = false});
  EXPECT_THAT(told.decoder, ElementsAre(0, 2, 3));
  EXPECT_NEAR(told.log_probability, std::log(0.6 * 0.3), 1e-6);
}

TEST(Explanation, SaysWhatCannotBeExplained) {
  auto settings = two_letters();
  settings.max_context = 3;
  Table table(settings);
  EXPECT_EQ(message_of([&] { decode::explain(table.model, {.target = "", .ends = false}); }),
            "there is no token to explain");
  EXPECT_EQ(message_of([&] { decode::explain(table.model, {.target = "aaa"}); }),
            "the text has 4 tokens; the model sees at most 3");
}

// Shows a map of queries x keys, both as many as the tokens, or `wrong`.
class ShowingModel final : public TableModel, public sdk::Attentive {
 public:
  ShowingModel(TableSettings settings, bool wrong)
      : TableModel(std::move(settings), std::make_shared<TableCounts>()), wrong_(wrong) {}
  void attend(std::span<const std::int32_t>, std::span<const std::int32_t> tokens,
              trellis_attention_sink& sink) override {
    const auto size = static_cast<std::int32_t>(tokens.size());
    std::vector<float> weights;
    for (std::int32_t head = 0; head < 2; ++head) {
      for (std::int32_t place = 0; place < size * size; ++place)
        weights.push_back(static_cast<float>(100 * head + place));
    }
    sink.write(sink.context, "self", 4, weights.data(), 2, wrong_ ? size - 1 : size, size);
  }

 private:
  bool wrong_;
};

TEST(Explanation, KeepsAttentionByHeadAndRow) {
  plugin::Model model(sdk::detail::wrap(std::make_unique<ShowingModel>(two_letters(), false)));
  const auto told = decode::explain(model, {.target = "ab"});
  ASSERT_EQ(told.attention.size(), 1U);
  const auto& map = told.attention[0];
  EXPECT_EQ(map.kind, "self");
  EXPECT_EQ(map.layer, 4);
  EXPECT_THAT(map.row(0, 1), ElementsAre(3, 4, 5));
  EXPECT_THAT(map.row(1, 2), ElementsAre(106, 107, 108));
}

TEST(Explanation, RefusesAttentionOfAnotherShape) {
  plugin::Model model(sdk::detail::wrap(std::make_unique<ShowingModel>(two_letters(), true)));
  EXPECT_EQ(message_of([&] { decode::explain(model, {.target = "ab"}); }),
            "model attention: a map \"self\" of 2 x 3 where there are 3 x 3");
}

}  // namespace
}  // namespace trellis::tests
