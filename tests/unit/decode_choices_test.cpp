/// What a strategy had to choose from, computed again: shares derived by hand, and the very tokens
/// that generating drew.
#include "core/decode/choices.hpp"
#include "tests/unit/sampling_fixture.hpp"

namespace trellis::tests {
namespace {

decode::ChoiceRequest request_for(const plugin::Model& model, std::vector<std::int32_t> output) {
  decode::ChoiceRequest request;
  request.prompt = model.encode_prompt("", "");
  request.output = std::move(output);
  request.limit = request.output.size();
  request.noises = {{5, 3, 0, 0}};
  request.top_alternatives = 4;
  return request;
}

std::vector<std::int32_t> tokens_of(const decode::Generation& generation) {
  std::vector<std::int32_t> tokens;
  for (const auto& record : generation.tokens) tokens.push_back(record.token);
  return tokens;
}

TEST(Choices, AreThoseThatGeneratingHad) {
  auto chosen = sampling({{"top_k", {{"k", 3}}}});
  Table table(one_law());
  RunOptions options;
  options.seed = 5;
  const auto outcome = run(table.model, chosen, {prompt_of(3, "", 20)}, options);
  const auto output = tokens_of(outcome.generations.at({0, 0}));
  auto request = request_for(table.model, output);
  request.noises.insert(request.noises.begin(), {5, 3, 0, 7});  // which did not draw it
  const auto [choices, by_noise] = decode::choices(table.model, chosen, request);
  EXPECT_TRUE(by_noise);
  ASSERT_EQ(choices.size(), 20U);
  std::set<std::int32_t> drawn;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    EXPECT_EQ(choices[i].drawn, output[i]) << i;
    drawn.insert(output[i]);
    EXPECT_EQ(choices[i].kept, 3U);
    // a, b and c have 0.30, 0.22 and 0.16 of the mass; of what is kept a has 0.30 / 0.68.
    EXPECT_NEAR(choices[i].kept_mass, 0.68, 1e-6);
    ASSERT_EQ(choices[i].tokens.size(), 4U);
    EXPECT_NEAR(std::exp(choices[i].tokens[0].log_probability), 0.30, 1e-6);
    EXPECT_NEAR(std::exp(choices[i].tokens[0].log_after), 0.30 / 0.68, 1e-6);
    EXPECT_EQ(std::exp(choices[i].tokens[3].log_after), 0.0);  // d was cut
  }
  EXPECT_GT(drawn.size(), 1U);
  EXPECT_EQ(table.counts->live, 0U);
}

TEST(Choices, OtherNoiseDrawsOtherTokens) {
  auto chosen = sampling({});
  Table table(one_law());
  auto request = request_for(table.model, std::vector<std::int32_t>(30, 2));
  const auto [one, by_one] = decode::choices(table.model, chosen, request);
  request.noises = {{5, 3, 0, 7}};
  const auto [other, by_other] = decode::choices(table.model, chosen, request);
  EXPECT_FALSE(by_one || by_other);
  EXPECT_FALSE(std::ranges::equal(one, other, {}, &decode::Choice::drawn, &decode::Choice::drawn));
  EXPECT_EQ(one[0].kept, 7U);
  EXPECT_NEAR(one[0].kept_mass, 1, 1e-6);
}

TEST(Choices, HoldTheTakenTokenWhateverItsRank) {
  auto chosen = arm(strategy("greedy"));
  Table table(one_law());
  // g, the least probable
  const auto choices = decode::choices(table.model, chosen, request_for(table.model, {8})).at;
  ASSERT_EQ(choices[0].tokens.size(), 5U);
  EXPECT_EQ(choices[0].tokens[4].token, 8);
  EXPECT_NEAR(std::exp(choices[0].tokens[4].log_probability), 0.05, 1e-6);
}

TEST(Choices, RefuseWhatIsNoOutputOfTheModel) {
  auto chosen = arm(strategy("greedy"));
  auto settings = one_law();
  settings.max_context = 3;
  Table table(settings);
  const auto of = [&](std::vector<std::int32_t> output) {
    return message_of(
        [&] { decode::choices(table.model, chosen, request_for(table.model, std::move(output))); });
  };
  EXPECT_THAT(of({99}), ::testing::HasSubstr("does not know"));
  EXPECT_THAT(of({2, 2, 2, 2}), ::testing::HasSubstr("longer than the model's context"));
  EXPECT_EQ(of({}), "");
}

}  // namespace
}  // namespace trellis::tests
