/// Constrained decoding in the loop: with every kind of search the output is a text of the grammar.
#include "tests/unit/decode_fixture.hpp"

namespace trellis::tests {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

decode::Arm constrained(plugin::Model& model, const json& settings, plugin::Strategy search) {
  decode::Arm chosen = arm(std::move(search));
  chosen.processors.push_back(processor("constrained", settings));
  chosen.processors.back().bind(model);
  return chosen;
}

TEST(Constrained, KeepsEverySearchWithinTheExpression) {
  Table table(scrambled(4));  // a b c d
  const json only = {{"regex", "(ab|c+d){2,3}"}};
  for (const auto* search : {"greedy", "sample", "beam"}) {
    SCOPED_TRACE(search);
    const auto chosen = constrained(table.model, only, strategy(search));
    RunOptions options;
    options.samples = 8;
    options.seed = 5;
    for (const auto& [key, generation] :
         run(table.model, chosen, {prompt_of(0, "", 40), prompt_of(1, "dd", 40)}, options)
             .generations) {
      EXPECT_THAT(generation.text, MatchesRegex("(ab|c+d)(ab|c+d)|(ab|c+d)(ab|c+d)(ab|c+d)"));
      EXPECT_EQ(generation.finish, decode::Finish::eos);
    }
  }
}

TEST(Constrained, ChoosesTheMostProbableOfWhatIsAllowed) {
  Table table(markov(3, {{"", {{"a", 0.6}, {"b", 0.3}, {"c", 0.1}}},
                         {"a", {{"a", 0.9}, {"", 0.1}}},
                         {"b", {{"a", 0.5}, {"c", 0.4}, {"", 0.1}}},
                         {"c", {{"a", 0.8}, {"", 0.2}}}}));
  const auto chosen = constrained(table.model, {{"regex", "[bc]+"}}, strategy("greedy"));
  const auto outcome = run(table.model, chosen, {prompt_of(0, "", 9)});
  EXPECT_EQ(outcome.text(0), "bc");  // after c only the end is left
  // Probabilities stay those of the model.
  EXPECT_NEAR(outcome.at(0).tokens[0].log_probability, std::log(0.3), 1e-6);
}

TEST(Constrained, FailsTheSampleWhereNothingIsLeft) {
  Table table(markov(2, {{"", {{"a", 1.0}}}, {"a", {{"a", 0.5}, {"b", 0.5}}}, {"b", {{"", 1.0}}}}));
  const auto chosen = constrained(table.model, {{"regex", "abx"}}, strategy("greedy"));
  const auto outcome = run(table.model, chosen, {prompt_of(0, "", 9)});
  ASSERT_EQ(outcome.failures.size(), 1U);
  EXPECT_THAT(outcome.failures.begin()->second,
              HasSubstr("the processors left no token to choose"));
}

TEST(Constrained, WantsExactlyOneConstraint) {
  EXPECT_THAT(message_of([] { processor("constrained", json::object()); }),
              HasSubstr("give exactly one of regex"));
  EXPECT_THAT(message_of([] {
                processor("constrained", {{"regex", "a"}, {"gbnf", "root ::= \"a\""}});
              }),
              HasSubstr("give exactly one of regex"));
  EXPECT_THAT(message_of([] {
                processor("constrained", {{"regex", "a("}});
              }),
              HasSubstr("regex:1:3: ) is missing"));
}

}  // namespace
}  // namespace trellis::tests
