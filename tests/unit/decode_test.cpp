/// The decode loop: results derived by hand, nothing computed twice, no influence of the batch,
/// stop strings, limits, failures of single samples, and states that are all freed.
#include "core/decode/stop.hpp"
#include "tests/unit/decode_fixture.hpp"

namespace trellis::tests {
namespace {

using decode::Finish;
using decode::Generation;
using testing::Test;

// From the start "a" is most probable, then "b", then the end.
TableSettings abc() {
  return markov(3, {{"", {{"a", 0.5}, {"b", 0.3}, {"", 0.2}}},
                    {"a", {{"b", 0.6}, {"a", 0.25}, {"", 0.15}}},
                    {"b", {{"", 0.4}, {"a", 0.35}, {"c", 0.25}}},
                    {"c", {{"c", 1.0}}}});
}

TEST(Greedy, TakesTheMostProbableTokenAndRecordsIt) {
  Table table(abc());
  const auto outcome = run(table.model, greedy(), {prompt_of(0, "", 10)});
  const auto& generation = outcome.at(0);
  EXPECT_EQ(generation.text, "ab");
  EXPECT_EQ(generation.finish, Finish::eos);
  ASSERT_EQ(generation.tokens.size(), 3U);  // the end symbol included
  const double probabilities[] = {0.5, 0.6, 0.4};
  const std::int32_t tokens[] = {2, 3, kEos};
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(generation.tokens[i].token, tokens[i]);
    EXPECT_EQ(generation.tokens[i].rank, 1U);
    // Logits are float32 logarithms.
    EXPECT_NEAR(generation.tokens[i].log_probability, std::log(probabilities[i]), 1e-7);
  }
  const double entropy = -(0.5 * std::log(0.5) + 0.3 * std::log(0.3) + 0.2 * std::log(0.2));
  EXPECT_NEAR(generation.tokens[0].entropy, entropy, 1e-7);
  ASSERT_EQ(generation.tokens[0].alternatives.size(), 3U);  // five asked for, three are possible
  EXPECT_EQ(generation.tokens[0].alternatives[1].token, 3);
  EXPECT_NEAR(generation.tokens[0].alternatives[1].log_probability, std::log(0.3), 1e-7);
  EXPECT_EQ(generation.tokens[0].alternatives[2].token, kEos);
}

TEST(Greedy, ContinuesAPrompt) {
  Table table(abc());
  const auto outcome = run(table.model, greedy(), {prompt_of(0, "ba", 10), prompt_of(1, "c", 4)});
  EXPECT_EQ(outcome.text(0), "b");
  EXPECT_EQ(outcome.text(1), "cccc");
  EXPECT_EQ(outcome.at(1).finish, Finish::length);
  EXPECT_EQ(outcome.at(1).tokens.size(), 4U);
}

TEST(Greedy, OfEqualsTheLowestIdWins) {
  Table table(markov(3, {{"", {{"c", 0.4}, {"b", 0.4}, {"", 0.2}}}, {"b", {{"", 1.0}}}}));
  EXPECT_EQ(run(table.model, greedy(), {prompt_of(0, "", 5)}).text(0), "b");
}

TEST(Generate, TellsTheEncoderItsSource) {
  auto settings = scrambled(5);
  settings.encoder_decoder = true;
  settings.logits = [](const Tokens& encoder, std::span<const std::int32_t> history) {
    std::vector<float> logits(7, 0);
    const std::size_t place = history.size() - 1;  // copies the source
    logits[static_cast<std::size_t>(place < encoder.size() ? encoder[place] : kEos)] = 4;
    return logits;
  };
  Table table(settings);
  auto prompt = prompt_of(0, "", 10);
  prompt.source = "decade";
  const auto outcome = run(table.model, greedy(), {prompt});
  EXPECT_EQ(outcome.text(0), "decade");
  EXPECT_EQ(outcome.totals.prompt_tokens, 7U);  // six for the encoder, the start symbol
}

// ---- what is computed -------------------------------------------------------------------------

std::vector<decode::Prompt> several_prompts(std::size_t limit) {
  std::vector<decode::Prompt> prompts;
  const char* prefixes[] = {"", "a", "abc", "fade", "b", "cab", "bead", "dad", "face", "e", "ff"};
  for (const char* prefix : prefixes) prompts.push_back(prompt_of(prompts.size(), prefix, limit));
  return prompts;
}

TEST(Generate, ComputesNoPrefixTwice) {
  Table table(scrambled(6));
  const auto prompts = several_prompts(20);
  const auto outcome = run(table.model, greedy(), prompts);
  std::size_t prompt_tokens = 0;
  std::size_t generated = 0;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    prompt_tokens += 1 + prompts[i].prefix.size();
    generated += outcome.at(i).tokens.size();
  }
  // A last token is never fed.
  EXPECT_EQ(table.counts->fed_tokens, prompt_tokens + generated - prompts.size());
  EXPECT_EQ(outcome.totals.prompt_tokens, prompt_tokens);
  EXPECT_EQ(outcome.totals.delivered_tokens, generated);
  EXPECT_EQ(outcome.totals.computed_tokens, generated - prompts.size());
  EXPECT_EQ(table.counts->live, 0U);
}

TEST(Generate, SamplesOfOneExampleShareThePrompt) {
  Table table(scrambled(6));
  RunOptions options;
  options.samples = 12;
  options.max_batch = 5;  // samples of the prompt begin in different rounds
  const auto outcome =
      run(table.model, arm(strategy("sample")), {prompt_of(0, "abcdef", 8)}, options);
  EXPECT_EQ(outcome.generations.size(), 12U);
  EXPECT_EQ(table.counts->opened, 1U);
  EXPECT_EQ(outcome.totals.prompt_tokens, 7U);
  EXPECT_EQ(table.counts->fed_tokens, 7 + outcome.totals.computed_tokens);
  EXPECT_EQ(table.counts->live, 0U);
}

TEST(Generate, AStrategyWithoutChanceMakesOneSample) {
  Table table(abc());
  RunOptions options;
  options.samples = 5;
  EXPECT_EQ(run(table.model, greedy(), {prompt_of(0, "", 5)}, options).generations.size(), 1U);
}

TEST(Generate, KeepsWithinTheBatch) {
  Table table(scrambled(6));
  RunOptions options;
  options.max_batch = 3;
  run(table.model, greedy(), several_prompts(10), options);
  EXPECT_EQ(table.counts->max_items, 3U);
  EXPECT_EQ(table.counts->max_rows, 3U);
}

class BatchTest : public testing::TestWithParam<const char*> {};

TEST_P(BatchTest, ChangesNothing) {
  const auto chosen = arm(strategy(GetParam()));
  const auto prompts = several_prompts(15);
  std::optional<Outcome> first;
  for (const std::size_t max_batch : {1U, 2U, 7U, 32U}) {
    Table table(scrambled(6));
    RunOptions options;
    options.samples = 3;
    options.seed = 9;
    options.max_batch = max_batch;
    auto outcome = run(table.model, chosen, prompts, options);
    EXPECT_EQ(table.counts->live, 0U);
    EXPECT_TRUE(outcome.failures.empty());
    if (!first) first = std::move(outcome);
    ASSERT_EQ(outcome.generations.size(), max_batch == 1 ? 0 : first->generations.size());
    for (const auto& [key, generation] : outcome.generations) {
      expect_same_output(generation, first->generations.at(key));
      EXPECT_EQ(generation.score, first->generations.at(key).score);
    }
  }
}

TEST_P(BatchTest, OrderChangesNothing) {
  const auto chosen = arm(strategy(GetParam()));
  const auto prompts = several_prompts(15);
  const auto reversed = std::vector<decode::Prompt>(prompts.rbegin(), prompts.rend());
  RunOptions options;
  options.samples = 3;
  options.max_batch = 4;
  Table table(scrambled(6));
  const auto one = run(table.model, chosen, prompts, options);
  const auto two = run(table.model, chosen, reversed, options);
  for (const auto& [key, generation] : one.generations) {
    expect_same_output(generation, two.at(prompts.size() - 1 - key.first, key.second));
  }
}

INSTANTIATE_TEST_SUITE_P(Strategies, BatchTest, testing::Values("greedy", "sample", "beam"),
                         [](const auto& info) { return std::string(info.param); });

TEST(Generate, ReportsProgressAndTime) {
  Table table(spelling(letters(3), {2, 3, 4}));
  std::vector<std::uint64_t> progress;
  decode::GenerateEvents events;
  std::vector<double> seconds;
  events.on_generation = [&](const Generation& generation) {
    seconds.push_back(generation.seconds);
  };
  events.on_failure = [](const auto&) { FAIL(); };
  events.on_progress = [&](std::uint64_t tokens) { progress.push_back(tokens); };
  double now = 0;
  const std::vector prompts = {prompt_of(0, "", 9)};
  const auto totals = generate_with(table.model, greedy(), prompts, events, [&] { return ++now; });
  EXPECT_EQ(progress, (std::vector<std::uint64_t>{1, 2, 3, 4}));
  EXPECT_EQ(seconds, std::vector<double>{4});  // asked at 2, after three rounds at 6
  EXPECT_EQ(totals.seconds, 6);                // from 1 to 7
  EXPECT_EQ(totals.arms[0].seconds, 6);
}

// ---- stop strings -----------------------------------------------------------------------------

struct StopCase {
  const char* what;
  std::vector<std::string> stop;
  std::string text;
  std::size_t tokens;  ///< generated, those of the stop string included
  Finish finish;
};

void PrintTo(const StopCase& stop_case, std::ostream* out) {
  *out << stop_case.what;
}

class StopTest : public testing::TestWithParam<StopCase> {};

// Tokens: "Hel" "lo w" "orld" "\n\n" "好" in three tokens of a byte, "x" forever after.
TEST_P(StopTest, EndsTheText) {
  const auto& expected = GetParam();
  Table table(spelling({"", "", "Hel", "lo w", "orld", "\n\n", "\xE5", "\xA5", "\xBD", "x"},
                       {2, 3, 4, 5, 6, 7, 8, 9, 9, 9}));
  for (const auto* id : {"greedy", "beam"}) {
    const auto chosen =
        arm(strategy(id, std::string(id) == "beam" ? json{{"num_beams", 1}} : json::object()));
    const auto outcome = run(table.model, chosen, {prompt_of(0, "", 20, expected.stop)});
    const auto& generation = outcome.at(0);
    EXPECT_EQ(generation.text, expected.text) << id;
    EXPECT_EQ(generation.tokens.size(), expected.tokens) << id;
    EXPECT_EQ(generation.finish, expected.finish) << id;
    EXPECT_EQ(table.counts->live, 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Cases, StopTest,
    testing::Values(
        StopCase{"one token", {"\n\n"}, "Hello world", 4, Finish::stop},
        StopCase{"across a border", {"wor"}, "Hello ", 3, Finish::stop},
        StopCase{"inside a token", {"l"}, "He", 1, Finish::stop},
        StopCase{"first byte of a token", {"rld\n"}, "Hello wo", 4, Finish::stop},
        StopCase{"first of several", {"\n", "w", "o"}, "Hell", 2, Finish::stop},
        StopCase{"the earlier begin counts", {"o w", "lo w"}, "Hel", 2, Finish::stop},
        StopCase{"a character of three tokens", {"好"}, "Hello world\n\n", 7, Finish::stop},
        StopCase{"after such a character", {"好x"}, "Hello world\n\n", 8, Finish::stop},
        StopCase{"the empty string is none", {""}, "Hello world\n\n好xxx", 11, Finish::eos},
        StopCase{"absent", {"World"}, "Hello world\n\n好xxx", 11, Finish::eos}),
    [](const auto& info) { return std::to_string(info.index); });

TEST(StopStrings, AreFoundFarIntoTheText) {
  // The window of text that is searched moves on; nothing may be lost on its way, for any length.
  for (std::size_t before = 0; before < 80; ++before) {
    Tokens tokens(before, 2);
    tokens.insert(tokens.end(), {3, 4, 3, 4, 2, 2});
    Table table(spelling(letters(3), tokens));
    const auto outcome = run(table.model, greedy(), {prompt_of(0, "", 200, {std::string("bcbc")})});
    EXPECT_EQ(outcome.text(0), std::string(before, 'a'));
    EXPECT_EQ(outcome.at(0).tokens.size(), before + 4);
  }
}

TEST(StopStrings, InThePromptDoNotCount) {
  Table table(spelling(letters(3), {2, 2, 3, 4}));
  const auto outcome = run(table.model, greedy(), {prompt_of(0, "a", 20, {"aab"})});
  EXPECT_EQ(outcome.text(0), "abc");
}

TEST(StopStrings, CompletedByTheLastTokenAllowed) {
  Table table(spelling(letters(3), {2, 3, 4, 2}));
  const auto outcome = run(table.model, greedy(), {prompt_of(0, "", 3, {"bc"})});
  EXPECT_EQ(outcome.text(0), "a");
  EXPECT_EQ(outcome.at(0).finish, Finish::stop);
}

// ---- limits and failures ----------------------------------------------------------------------

TEST(Limits, OfTheContextCountThePrompt) {
  auto settings = scrambled(4, -100);
  settings.max_context = 10;
  Table table(settings);
  const auto outcome =
      run(table.model, greedy(),
          {prompt_of(0, "abc", 100), prompt_of(1, "", 3), prompt_of(2, "abcdabcd", 100),
           prompt_of(3, "abcdabcda", 5), prompt_of(4, "abcdabcdabcd", 5), prompt_of(5, "a", 100)});
  EXPECT_EQ(outcome.at(0).tokens.size(), 6U);
  EXPECT_EQ(outcome.at(0).finish, Finish::length);
  EXPECT_EQ(outcome.at(1).tokens.size(), 3U);
  EXPECT_EQ(outcome.at(2).tokens.size(), 1U);
  EXPECT_EQ(outcome.at(5).tokens.size(), 8U);
  ASSERT_EQ(outcome.failures.size(), 2U);
  EXPECT_EQ(outcome.failures.at({3, 0}),
            "the prompt has 10 tokens and leaves no room in the model's context of 10");
  EXPECT_EQ(outcome.failures.at({4, 0}),
            "the prompt has 13 tokens and leaves no room in the model's context of 10");
  EXPECT_EQ(table.counts->live, 0U);
}

TEST(Failures, APromptThatCannotBeReadFailsAlone) {
  Table table(abc());
  RunOptions options;
  options.samples = 2;
  const auto outcome = run(table.model, arm(strategy("sample")),
                           {prompt_of(0, "Q", 4), prompt_of(1, "a", 4)}, options);
  EXPECT_EQ(outcome.failures.size(), 2U);
  EXPECT_EQ(outcome.failures.at({0, 1}), "model encode_prompt: no token for this text");
  EXPECT_EQ(outcome.generations.size(), 2U);
}

TEST(Failures, OfLogitsAreThoseOfTheirSample) {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    auto settings = scrambled(4, -100);
    const auto good = settings.logits;
    settings.logits = [good, bad](const Tokens& encoder, std::span<const std::int32_t> history) {
      auto logits = good(encoder, history);
      const bool poisoned = history.size() == 5 && history[1] == 2;  // after "a" and three more
      if (poisoned && std::isinf(bad) && bad < 0) std::fill(logits.begin(), logits.end(), bad);
      if (poisoned) logits[3] = bad;
      return logits;
    };
    for (const auto* id : {"greedy", "sample", "beam"}) {
      Table table(settings);
      const auto outcome = run(table.model, arm(strategy(id)),
                               {prompt_of(0, "b", 9), prompt_of(1, "a", 9), prompt_of(2, "c", 9)});
      EXPECT_EQ(outcome.generations.size(), 2U);
      ASSERT_EQ(outcome.failures.size(), 1U);
      EXPECT_EQ(outcome.failures.at({1, 0}),
                "the model gave no usable logits after 3 tokens: NaN, infinity, or nothing but "
                "-infinity");
      EXPECT_EQ(table.counts->live, 0U);
    }
  }
}

TEST(Failures, OfTheModelEndTheRunAndLeakNothing) {
  auto settings = scrambled(4, -100);
  const auto good = settings.logits;
  settings.logits = [good](const Tokens& encoder, std::span<const std::int32_t> history) {
    if (history.size() == 6) throw sdk::Failure(TRELLIS_INTERNAL, "the table is broken");
    return good(encoder, history);
  };
  Table table(settings);
  EXPECT_EQ(message_of([&] {
              run(table.model, arm(strategy("beam")), {prompt_of(0, "", 9), prompt_of(1, "a", 9)});
            }),
            "model feed: the table is broken");
  EXPECT_EQ(table.counts->live, 0U);
}

TEST(Failures, OfTheReceiverAreNotTheSamples) {
  Table table(abc());
  decode::GenerateEvents events;
  events.on_generation = [](const Generation&) {
    throw Error(Fault::environment, "the disk is full");
  };
  events.on_failure = [](const auto& failure) { FAIL() << failure.message; };
  const std::vector prompts = {prompt_of(0, "", 9)};
  EXPECT_EQ(message_of(
                [&] { generate_with(table.model, greedy(), prompts, events, [] { return 0.0; }); }),
            "the disk is full");
  EXPECT_EQ(table.counts->live, 0U);
}

TEST(Cancelling, ThrowsAtTheNextRoundAndLeaksNothing) {
  Table table(scrambled(6, -100));
  decode::GenerateEvents events;
  int rounds = 0;
  events.on_generation = [](const Generation&) { FAIL(); };
  events.on_failure = [](const auto& failure) { FAIL() << failure.message; };
  events.cancelled = [&] { return ++rounds == 4; };
  const auto prompts = several_prompts(50);
  try {
    generate_with(table.model, arm(strategy("beam")), prompts, events, [] { return 0.0; });
    FAIL() << "was not cancelled";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::cancelled);
  }
  EXPECT_EQ(table.counts->feeds, 5U);  // the 44 beams of 11 prompts take two a round
  EXPECT_EQ(table.counts->live, 0U);
}

// ---- records ----------------------------------------------------------------------------------

TEST(Records, SumUpByTheChainRuleWhateverProcessorsDo) {
  const auto settings = scrambled(5);
  auto chosen = arm(strategy("sample"));
  chosen.processors.push_back(processor("temperature", {{"temperature", 3.0}}));
  chosen.processors.push_back(processor("top_k", {{"k", 2}}));
  Table table(settings);
  const auto outcome = run(table.model, chosen, {prompt_of(0, "ab", 12)});
  const auto& tokens = outcome.at(0).tokens;
  Tokens history = {0, 2, 3};
  for (const auto& record : tokens) {
    const auto logits = settings.logits({}, history);
    double sum = 0;
    double products = 0;
    for (const float x : logits) {
      if (!std::isinf(x)) sum += std::exp(static_cast<double>(x));
    }
    std::uint32_t rank = 1;
    for (const float x : logits) {
      const double p = std::exp(static_cast<double>(x)) / sum;
      if (p > 0) products -= p * std::log(p);
      rank += x > logits[static_cast<std::size_t>(record.token)] ? 1 : 0;
    }
    const double own = logits[static_cast<std::size_t>(record.token)];
    EXPECT_NEAR(record.log_probability, own - std::log(sum), 1e-12);
    EXPECT_NEAR(record.entropy, products, 1e-12);
    EXPECT_EQ(record.rank, rank);
    EXPECT_LE(record.rank, 2U);  // top_k
    history.push_back(record.token);
  }
}

}  // namespace
}  // namespace trellis::tests
