/// Teacher-forced likelihoods: derived by hand, cut at the context, whatever the batch.
#include "core/decode/likelihood.hpp"

#include <tuple>

#include "tests/unit/decode_fixture.hpp"

namespace trellis::tests {
namespace {

using decode::LikelihoodRequest;

TableSettings two_letters() {
  return markov(2, {{"", {{"a", 0.5}, {"b", 0.3}, {"", 0.2}}},
                    {"a", {{"b", 0.6}, {"a", 0.25}, {"", 0.15}}},
                    {"b", {{"", 0.7}, {"a", 0.3}}}});
}

std::vector<decode::Likelihood> score(plugin::Model& model,
                                      const std::vector<LikelihoodRequest>& requests,
                                      std::size_t max_batch = 8) {
  return decode::likelihoods(model, requests, max_batch, {});
}

TEST(Likelihood, IsTheProductOverTargetAndEnd) {
  Table table(two_letters());
  const auto answers = score(table.model, {{"", "", "ab"}, {"", "a", "ba"}, {"", "", ""}});
  EXPECT_NEAR(answers[0].negative_log_likelihood, -std::log(0.5 * 0.6 * 0.7), 1e-6);
  EXPECT_EQ(answers[0].tokens, 3U);
  EXPECT_EQ(answers[0].bytes, 2U);
  EXPECT_TRUE(answers[0].complete);
  EXPECT_NEAR(answers[1].negative_log_likelihood, -std::log(0.6 * 0.3 * 0.15), 1e-6);
  EXPECT_NEAR(answers[2].negative_log_likelihood, -std::log(0.2), 1e-6);
  EXPECT_EQ(answers[2].tokens, 1U);
  EXPECT_EQ(table.counts->live, 0U);
  EXPECT_EQ(table.counts->feeds, 1U);
  EXPECT_EQ(table.counts->fed_tokens, 3U + 4U + 1U);  // the end symbol is not fed
}

TEST(Likelihood, SaysWhatTheModelGuessedAtEachPlace) {
  Table table(two_letters());
  const auto answers = score(table.model, {{"", "", "ab"}, {"", "a", "ba"}});
  const auto told = [&](std::size_t text) {
    std::vector<std::tuple<std::int32_t, double, bool>> guesses;
    for (const auto& [target, confidence, right] : answers[text].guesses) {
      guesses.emplace_back(target, std::round(confidence * 1e6) / 1e6, right);
    }
    return guesses;
  };
  using ::testing::ElementsAre;
  using Guess = std::tuple<std::int32_t, double, bool>;
  EXPECT_THAT(told(0),
              ElementsAre(Guess(2, 0.5, true), Guess(3, 0.6, true), Guess(kEos, 0.7, true)));
  // "a" after "ab" and the end after "aba" are not the most probable.
  EXPECT_THAT(told(1),
              ElementsAre(Guess(3, 0.6, true), Guess(2, 0.7, false), Guess(kEos, 0.6, false)));
}

TEST(Likelihood, HasNoEndWhereTheTextGoesOn) {
  Table table(two_letters());
  const auto answers = score(table.model, {{"", "", "ab", false}, {"", "a", "", false}});
  EXPECT_NEAR(answers[0].negative_log_likelihood, -std::log(0.5 * 0.6), 1e-6);
  EXPECT_EQ(answers[0].tokens, 2U);
  EXPECT_EQ(answers[0].bytes, 2U);
  EXPECT_TRUE(answers[0].complete);
  EXPECT_EQ(answers[1].tokens, 0U);
}

TEST(Likelihood, OfTheImpossibleIsInfinite) {
  Table table(two_letters());
  EXPECT_EQ(score(table.model, {{"", "", "bb"}})[0].negative_log_likelihood, INFINITY);
}

TEST(Likelihood, IsCutAtTheContext) {
  auto settings = two_letters();
  settings.max_context = 4;
  Table table(settings);
  // With the start symbol 4 tokens can be fed, and 5 positions after the first judged.
  const auto answers = score(
      table.model,
      {{"", "", "aaa"}, {"", "", "aaaa"}, {"", "a", "aabab"}, {"", "aaa", "b"}, {"", "aaaa", "b"}});
  EXPECT_TRUE(answers[0].complete);
  EXPECT_EQ(answers[0].tokens, 4U);
  EXPECT_FALSE(answers[1].complete);  // its end symbol has no room
  EXPECT_EQ(answers[1].tokens, 4U);
  EXPECT_EQ(answers[1].bytes, 4U);
  EXPECT_NEAR(answers[1].negative_log_likelihood, -std::log(0.5 * 0.25 * 0.25 * 0.25), 1e-6);
  EXPECT_FALSE(answers[2].complete);
  EXPECT_EQ(answers[2].tokens, 3U);
  EXPECT_EQ(answers[2].bytes, 3U);
  EXPECT_NEAR(answers[2].negative_log_likelihood, -std::log(0.25 * 0.25 * 0.6), 1e-6);
  EXPECT_EQ(answers[3].tokens, 1U);
  EXPECT_EQ(answers[4].tokens, 0U);
  EXPECT_EQ(answers[4].negative_log_likelihood, 0);
  EXPECT_FALSE(answers[4].complete);
  EXPECT_EQ(table.counts->live, 0U);
}

TEST(Likelihood, DoesNotDependOnTheBatch) {
  std::vector<LikelihoodRequest> requests;
  for (const char* text : {"abcdef", "a", "", "fade", "cabbage", "deaf", "bed"}) {
    requests.push_back({"", "", text});
  }
  std::optional<std::vector<decode::Likelihood>> first;
  for (const std::size_t max_batch : {0U, 1U, 2U, 3U, 50U}) {
    for (const std::size_t feed_tokens : {0U, 1U, 3U, 8U, 512U}) {
      Table table(scrambled(7));
      auto answers = decode::likelihoods(table.model, requests, max_batch, {}, feed_tokens);
      if (!first) first = answers;
      for (std::size_t i = 0; i < requests.size(); ++i) {
        EXPECT_EQ(answers[i].negative_log_likelihood, (*first)[i].negative_log_likelihood);
        EXPECT_EQ(answers[i].tokens, requests[i].target.size() + 1);
      }
      EXPECT_EQ(table.counts->live, 0U);
      EXPECT_LE(table.counts->max_rows, std::max<std::size_t>(feed_tokens, 1));
    }
  }
}

TEST(Likelihood, EqualsWhatGenerationRecords) {
  Table table(scrambled(5));
  const auto outcome = run(table.model, greedy(), {prompt_of(0, "abc", 100)});
  double sum = 0;
  for (const auto& record : outcome.at(0).tokens) sum -= record.log_probability;
  ASSERT_EQ(outcome.at(0).finish, decode::Finish::eos);
  const auto answers = score(table.model, {{"", "abc", outcome.text(0)}});
  EXPECT_NEAR(answers[0].negative_log_likelihood, sum, 1e-9);
  EXPECT_EQ(answers[0].tokens, outcome.at(0).tokens.size());
}

TEST(Likelihood, OfLogitsThatAreNoDistributionIsAnError) {
  auto settings = two_letters();
  settings.logits = [](const Tokens&, std::span<const std::int32_t> history) {
    return std::vector<float>(4, history.size() == 3 ? NAN : 0.0F);
  };
  Table table(settings);
  EXPECT_EQ(message_of([&] {
              score(table.model, {{"", "", "a"}, {"", "", "ab"}});
            }),
            "the model gave no usable logits for text 2 after 2 of its tokens: NaN, infinity, or "
            "nothing but -infinity");
  EXPECT_EQ(table.counts->live, 0U);
}

TEST(Likelihood, CanBeCancelled) {
  Table table(two_letters());
  int calls = 0;
  const std::vector<LikelihoodRequest> requests(5, {"", "", "a"});
  try {
    decode::likelihoods(table.model, requests, 2, [&] { return ++calls == 2; });
    FAIL() << "was not cancelled";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::cancelled);
  }
  EXPECT_EQ(table.counts->feeds, 1U);
}

}  // namespace
}  // namespace trellis::tests
