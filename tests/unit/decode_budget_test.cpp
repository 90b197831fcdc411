/// The budgets of the decode loop: tokens in a feed, and memory for states. What is generated does
/// not depend on either.
#include "core/decode/memory_budget.hpp"
#include "tests/unit/decode_fixture.hpp"

namespace trellis::tests {
namespace {

std::vector<decode::Prompt> prompts_of(std::size_t limit) {
  std::vector<decode::Prompt> prompts;
  const std::string long_one(100, 'c');
  for (const auto& prefix :
       {std::string("a"), long_one, std::string("fade"), long_one + "abcdef"}) {
    prompts.push_back(prompt_of(prompts.size(), prefix, limit));
  }
  return prompts;
}

// Samples, beams, and moves of two tokens of which one may be taken back.
std::vector<decode::Arm> sweep() {
  std::vector<decode::Arm> arms;
  arms.push_back(greedy());
  arms.push_back(arm(strategy("sample")));
  arms.push_back(arm(strategy("beam", {{"num_beams", 4}})));
  arms.push_back(arm(scripted([]() -> Advance {
    return [](const trellis_view& view, trellis_answer& answer) {
      const auto& shown = view.hypotheses[0];
      const auto row = static_cast<std::uint32_t>(view.round % shown.row_count);
      const std::int32_t next = best_of(view, 0, row);
      const std::size_t length = shown.token_count - (shown.row_count - 1 - row);
      if (next == kEos) {
        send(answer, 0, row, {next}, 0, TRELLIS_FINISH_EOS);
      } else if (length + 2 > view.max_new_tokens) {
        send(answer, 0, row, {next});
      } else {
        send(answer, 0, row, {next, 3});
      }
    };
  })));
  return arms;
}

struct Made {
  std::vector<Outcome> outcomes;
  TableCounts counts;
};

Made make(const TableSettings& settings, const decode::GenerateOptions& options) {
  const auto arms = sweep();
  const auto prompts = prompts_of(10);
  const auto requests = decode::every_sample(arms, prompts.size(), 3, 5);
  Table table(settings);
  auto outcomes = run_arms(table.model, arms, prompts, requests, options);
  EXPECT_EQ(table.counts->live, 0U);
  EXPECT_EQ(table.counts->fed_tokens,
            outcomes[0].totals.prompt_tokens + outcomes[0].totals.computed_tokens);
  return {std::move(outcomes), *table.counts};
}

void expect_equal_outcomes(const Made& a, const Made& b) {
  for (std::size_t arm = 0; arm < a.outcomes.size(); ++arm) {
    EXPECT_TRUE(a.outcomes[arm].failures.empty());
    ASSERT_EQ(a.outcomes[arm].generations.size(), b.outcomes[arm].generations.size());
    for (const auto& [key, generation] : a.outcomes[arm].generations) {
      SCOPED_TRACE(std::to_string(arm) + ", " + std::to_string(key.first));
      expect_same_output(generation, b.outcomes[arm].at(key.first, key.second));
    }
  }
}

TEST(FeedBudget, ChangesNothingThatIsGenerated) {
  const auto all = make(scrambled(6), {.feed_tokens = 100'000});
  for (const std::size_t tokens : {1U, 2U, 7U, 40U, 128U}) {
    SCOPED_TRACE(tokens);
    const auto some = make(scrambled(6), {.feed_tokens = tokens});
    expect_equal_outcomes(some, all);
    EXPECT_LE(some.counts.max_tokens, tokens);
    const auto& totals = some.outcomes[0].totals;
    EXPECT_EQ(totals.prompt_tokens, all.outcomes[0].totals.prompt_tokens);
    EXPECT_EQ(totals.prompt_tokens_saved, all.outcomes[0].totals.prompt_tokens_saved);
  }
}

TEST(FeedBudget, ALongPromptHoldsNobodyUp) {
  Table table(scrambled(6, -100));
  const auto chosen = greedy();
  const std::vector<decode::Prompt> prompts = {prompt_of(0, std::string(1000, 'a'), 4),
                                               prompt_of(1, "b", 20)};
  const auto requests = decode::every_sample({&chosen, 1}, 2, 1, 0);
  std::vector<std::size_t> order;
  decode::GenerateEvents events;
  events.on_generation = [&](const decode::Generation& made) { order.push_back(made.request); };
  decode::generate(table.model, {&chosen, 1}, prompts, requests, {.feed_tokens = 16}, events,
                   [] { return 0.0; });
  EXPECT_EQ(order, (std::vector<std::size_t>{1, 0}));
  EXPECT_EQ(table.counts->max_tokens, 16U) << "the prompt is read beside the other's tokens";
}

TEST(FeedBudget, CountsTheEncodersTokensOnce) {
  auto settings = scrambled(6);
  settings.encoder_decoder = true;
  Table table(settings);
  auto prompt = prompt_of(0, std::string(30, 'a'), 3);
  prompt.source = "abcde";
  const auto outcome = run(table.model, greedy(), {prompt}, {{.feed_tokens = 4}});
  EXPECT_EQ(outcome.totals.prompt_tokens, 5U + 31U);
}

// 1,000 bytes a state, 10 a token.
TableSettings costly(bool forks_share = true) {
  auto settings = scrambled(6);
  settings.state_bytes = {{"per_state", 1000}, {"per_token", 10}, {"forks_share", forks_share}};
  return settings;
}

TEST(StateMemory, ChangesNothingThatIsGenerated) {
  const auto free = make(costly(), {});
  for (const bool forks_share : {true, false}) {
    std::size_t last = 0;
    for (const std::uint64_t bytes : {1U, 8'000U, 20'000U, 60'000U, 1'000'000U}) {
      SCOPED_TRACE(bytes);
      const auto bound = make(costly(forks_share), {.state_memory = bytes});
      expect_equal_outcomes(bound, free);
      // A sample of four beams alone may need four full states beside that of its prompt.
      const std::uint64_t alone = 5 * (1000 + 10 * 120);
      EXPECT_LE(*bound.outcomes[0].totals.peak_state_bytes, std::max(bytes, alone));
      EXPECT_GE(bound.counts.max_live, last) << "less memory never means more states";
      last = bound.counts.max_live;
    }
  }
}

TEST(StateMemory, BeginsOneSampleInAnyCase) {
  Table table(costly());
  const auto chosen = greedy();
  const auto outcome = run(table.model, chosen, prompts_of(5), {{.state_memory = 1}});
  EXPECT_EQ(outcome.generations.size(), 4U);
  EXPECT_EQ(table.counts->max_live, 1U);
}

TEST(StateMemory, IsUnknownWhereTheModelGivesNoFigures) {
  Table table(scrambled(6));
  const auto outcome = run(table.model, greedy(), prompts_of(5), {{.state_memory = 1}});
  EXPECT_FALSE(outcome.totals.peak_state_bytes.has_value());
  EXPECT_EQ(table.counts->max_live, 4U) << "only the batch limits";
}

TEST(StateMemory, CountsASharedPrefixOnce) {
  // Two beams of a start symbol and three letters: after the first round two states share four
  // tokens and have one of their own each. In the second round, which is the last one fed, each
  // grows by a token; whether they still branch off at the root is up to the scores, so they hold
  // 4 + 2 + 1 tokens at least and 4 + 2 + 2 at most.
  auto settings = costly();
  Table shared(settings);
  const auto beam = arm(strategy("beam", {{"num_beams", 2}}));
  settings.state_bytes["forks_share"] = false;
  Table copied(settings);
  const auto of = [&](Table& table) {
    const auto outcome = run(table.model, beam, {prompt_of(0, "abc", 3)});
    return *outcome.totals.peak_state_bytes;
  };
  const auto bytes = of(shared);
  EXPECT_GE(bytes, 2 * 1000 + 10 * 7U);
  EXPECT_LE(bytes, 2 * 1000 + 10 * 8U);
  EXPECT_EQ(of(copied), 2 * 1000 + 10 * (6U + 6U));
}

TEST(StateMemory, RefusesFiguresThatAreNone) {
  auto settings = scrambled(2);
  settings.state_bytes = {{"per_state", -1}, {"per_token", 0}};
  try {
    Table table(settings);
    FAIL() << "was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::plugin);
    EXPECT_STREQ(error.what(),
                 "model describe: per_state = -1: must be a whole number from 0 to 1099511627776");
  }
}

plugin::ModelFacts facts_of(bool forks_share) {
  plugin::ModelFacts facts;
  facts.vocab_size = 20;
  facts.hidden_size = 5;
  facts.state_bytes = plugin::StateBytes{1000, 10, forks_share};
  return facts;
}

TEST(MemoryBudget, CountsEverySampleAtItsWorstAndEveryPromptOnce) {
  const int tree = 0;
  const int other = 0;
  const decode::SampleSize one{&tree, 7, 30, 1};
  const decode::SampleSize beams{&tree, 7, 30, 4};
  const decode::SampleSize elsewhere{&other, 7, 30, 1};
  // A row of logits and one of hidden numbers: 4 * (20 + 5) = 100 bytes.
  const std::uint64_t prompt = 1000 + 7 * 10 + 100;
  const std::uint64_t sample = 1000 + 30 * 10 + 100;
  decode::MemoryBudget budget(2 * prompt + 6 * sample, facts_of(true));
  budget.add(one);
  EXPECT_EQ(budget.promised(), prompt + sample);
  budget.add(beams);
  EXPECT_EQ(budget.promised(), prompt + 5 * sample);
  EXPECT_TRUE(budget.fits(elsewhere));
  budget.add(elsewhere);
  EXPECT_EQ(budget.promised(), 2 * prompt + 6 * sample);
  EXPECT_FALSE(budget.fits(one));
  budget.remove(one);
  EXPECT_TRUE(budget.fits(one));
  EXPECT_FALSE(budget.fits(beams));
  budget.remove(beams);
  EXPECT_EQ(budget.promised(), prompt + sample) << "the tree went with its last sample";
}

TEST(MemoryBudget, CountsThePromptForEveryForkThatCopiesIt) {
  const int tree = 0;
  decode::MemoryBudget budget(1, facts_of(false));
  budget.add({&tree, 7, 30, 2});
  EXPECT_EQ(budget.promised(), (1000 + 70 + 100U) + 2 * (1000 + 370 + 100U));
}

TEST(MemoryBudget, HasNoLimitWhereNoneIsGivenOrKnown) {
  const int tree = 0;
  const decode::SampleSize huge{&tree, 1U << 30U, 1U << 30U, 1000};
  EXPECT_TRUE(decode::MemoryBudget(0, facts_of(true)).fits(huge));
  auto facts = facts_of(true);
  facts.state_bytes.reset();
  EXPECT_TRUE(decode::MemoryBudget(1, facts).fits(huge));
}

TEST(Width, IsWhatTheStrategySays) {
  EXPECT_EQ(strategy("greedy").needs().width, 1U);
  EXPECT_EQ(strategy("beam", {{"num_beams", 7}}).needs().width, 7U);
}

}  // namespace
}  // namespace trellis::tests
