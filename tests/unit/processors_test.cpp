/// Every logits processor on distributions small enough to be worked out by hand.
#include "tests/unit/decode_fixture.hpp"

namespace trellis::tests {
namespace {

using Logits = std::vector<float>;
using testing::ElementsAre;

constexpr float kNever = -INFINITY;

// Surprises 0.693, 1.386, 2.079, 2.079; entropy 1.213 nats.
const Logits kHalves = {std::log(0.5F), std::log(0.25F), std::log(0.125F), std::log(0.125F)};

struct Context {
  Tokens prompt = {0};
  Tokens tokens;
  Tokens eos = {};
  Tokens encoder = {};
  std::size_t max_new_tokens = 10;
  double chance = 0;  // what every draw gives
};

Logits apply(const plugin::LogitsProcessor& chosen, Logits logits, const Context& context) {
  double chance = context.chance;
  const trellis_noise noise{sizeof noise,
                            &chance,
                            nullptr,
                            [](void* value, std::uint64_t, std::uint32_t draw) {
                              EXPECT_GE(draw, TRELLIS_PROCESSOR_DRAWS);
                              return *static_cast<double*>(value);
                            },
                            nullptr,
                            nullptr};
  const trellis_sequence sequence{sizeof sequence,
                                  context.prompt.data(),
                                  context.prompt.size(),
                                  context.tokens.data(),
                                  context.tokens.size(),
                                  context.eos.data(),
                                  context.eos.size(),
                                  context.encoder.data(),
                                  context.encoder.size(),
                                  context.max_new_tokens,
                                  &noise};
  chosen.apply(sequence, logits);
  return logits;
}

Logits apply(const std::string& id, const json& settings, Logits logits,
             const Context& context = {}) {
  return apply(processor(id, settings), std::move(logits), context);
}

// Ids that stay.
std::vector<int> kept(const std::string& id, const json& settings, const Logits& logits,
                      const Context& context = {}) {
  const auto after = apply(id, settings, logits, context);
  std::vector<int> ids;
  for (std::size_t i = 0; i < after.size(); ++i) {
    if (after[i] == kNever) continue;
    EXPECT_EQ(after[i], logits[i]) << "what stays is not changed";
    ids.push_back(static_cast<int>(i));
  }
  return ids;
}

// ---- cuts of the tail -------------------------------------------------------------------------

TEST(MinP, KeepsAShareOfTheGreatest) {
  EXPECT_THAT(kept("min_p", {{"min_p", 0.0}}, kHalves), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(kept("min_p", {{"min_p", 0.24}}, kHalves), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(kept("min_p", {{"min_p", 0.26}}, kHalves), ElementsAre(0, 1));
  EXPECT_THAT(kept("min_p", {{"min_p", 1.0}}, kHalves), ElementsAre(0));
  EXPECT_THAT(kept("min_p", {{"min_p", 1.0}, {"min_tokens_to_keep", 3}}, kHalves),
              ElementsAre(0, 1, 2));
  EXPECT_THAT(kept("min_p", {{"min_p", 1.0}}, {3, 1, 3}), ElementsAre(0, 2)) << "equals stay";
}

TEST(Typical, KeepsWhatIsNearestToTheEntropy) {
  // Distances from the entropy: 0.520, 0.173, 0.866, 0.866.
  EXPECT_THAT(kept("typical", {{"mass", 0.2}}, kHalves), ElementsAre(1));
  EXPECT_THAT(kept("typical", {{"mass", 0.6}}, kHalves), ElementsAre(0, 1));
  EXPECT_THAT(kept("typical", {{"mass", 0.8}}, kHalves), ElementsAre(0, 1, 2, 3)) << "equals";
  EXPECT_THAT(kept("typical", {{"mass", 0.2}, {"min_tokens_to_keep", 2}}, kHalves),
              ElementsAre(0, 1));
}

TEST(Epsilon, KeepsWhatReachesAFixedProbability) {
  EXPECT_THAT(kept("epsilon", {{"epsilon", 0.1}}, kHalves), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(kept("epsilon", {{"epsilon", 0.2}}, kHalves), ElementsAre(0, 1));
  EXPECT_THAT(kept("epsilon", {{"epsilon", 0.9}}, kHalves), ElementsAre(0));
  EXPECT_THAT(kept("epsilon", {{"epsilon", 0.9}, {"min_tokens_to_keep", 3}}, kHalves),
              ElementsAre(0, 1, 2, 3))
      << "the fourth equals the third";
}

TEST(Eta, LowersItsBoundWhereTheDistributionIsFlat) {
  // exp(-entropy) is 0.297: sqrt(0.25) * 0.297 = 0.149; sqrt(0.16) * 0.297 = 0.119.
  EXPECT_THAT(kept("eta", {{"epsilon", 0.25}}, kHalves), ElementsAre(0, 1));
  EXPECT_THAT(kept("eta", {{"epsilon", 0.16}}, kHalves), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(kept("epsilon", {{"epsilon", 0.16}}, kHalves), ElementsAre(0, 1));
}

TEST(TopNSigma, MeasuresFromTheGreatestLogit) {
  // Mean 1.5, deviation 1.118: bounds 1.882 and 2.441.
  EXPECT_THAT(kept("top_n_sigma", {{"n", 1.0}}, {0, 1, 2, 3}), ElementsAre(2, 3));
  EXPECT_THAT(kept("top_n_sigma", {{"n", 0.5}}, {0, 1, 2, 3}), ElementsAre(3));
  EXPECT_THAT(kept("top_n_sigma", {{"n", 1.0}}, {0, kNever, 1, 2, 3}), ElementsAre(3, 4))
      << "forbidden tokens have no part in the deviation";
  EXPECT_THAT(kept("top_n_sigma", {{"n", 1.0}}, {0, 2, 4, 6}), ElementsAre(2, 3))
      << "temperature changes nothing";
}

TEST(TopH, KeepsAShareOfTheEntropy) {
  // Parts of the entropy: 0.347, 0.347, 0.260, 0.260.
  EXPECT_THAT(kept("top_h", {{"top_h", 0.1}}, kHalves), ElementsAre(0));
  EXPECT_THAT(kept("top_h", {{"top_h", 0.5}}, kHalves), ElementsAre(0)) << "0.693 > 0.607";
  EXPECT_THAT(kept("top_h", {{"top_h", 0.6}}, kHalves), ElementsAre(0, 1)) << "0.693 < 0.728";
  EXPECT_THAT(kept("top_h", {{"top_h", 0.8}}, kHalves), ElementsAre(0, 1, 2)) << "0.953 < 0.970";
}

TEST(Xtc, NowAndThenKeepsTheLeastOfTheTopChoicesAlone) {
  const json settings = {{"probability", 0.3}, {"threshold", 0.2}};
  Context context;
  context.chance = 0.29;
  EXPECT_THAT(kept("xtc", settings, kHalves, context), ElementsAre(1, 2, 3));
  context.chance = 0.3;
  EXPECT_THAT(kept("xtc", settings, kHalves, context), ElementsAre(0, 1, 2, 3));
  const auto always = [](double threshold) {
    return json{{"probability", 1.0}, {"threshold", threshold}};
  };
  EXPECT_THAT(kept("xtc", always(0.3), kHalves), ElementsAre(0, 1, 2, 3)) << "one top choice";
  EXPECT_THAT(kept("xtc", always(0.1), kHalves), ElementsAre(2)) << "of equals the lowest id";
}

// ---- penalties --------------------------------------------------------------------------------

const Logits kFour = {2, -2, 1, 0};

Context after(Tokens prompt, Tokens tokens) {
  Context context;
  context.prompt = std::move(prompt);
  context.tokens = std::move(tokens);
  return context;
}

TEST(RepetitionPenalty, DividesOrMultipliesOnce) {
  const auto penalised = [](const json& settings, const Context& context) {
    return apply("repetition_penalty", settings, kFour, context);
  };
  const auto context = after({0}, {1, 1});
  EXPECT_THAT(penalised({{"penalty", 2}}, context), ElementsAre(1, -4, 1, 0));
  EXPECT_THAT(penalised({{"penalty", 0.5}}, context), ElementsAre(4, -1, 1, 0));
  EXPECT_THAT(penalised({{"penalty", 2}, {"include_prompt", false}}, context),
              ElementsAre(2, -4, 1, 0));
  EXPECT_THAT(penalised({{"penalty", 2}, {"last_n", 2}}, context), ElementsAre(2, -4, 1, 0));
  EXPECT_THAT(penalised({{"penalty", 2}, {"last_n", 3}}, context), ElementsAre(1, -4, 1, 0));
}

TEST(FrequencyAndPresence, CountWhatWasGenerated) {
  const auto context = after({0, 0}, {1, 2, 1});
  EXPECT_THAT(apply("frequency_penalty", {{"penalty", 0.5}}, kFour, context),
              ElementsAre(2, -3, 0.5, 0));
  EXPECT_THAT(
      apply("frequency_penalty", {{"penalty", 0.5}, {"include_prompt", true}}, kFour, context),
      ElementsAre(1, -3, 0.5, 0));
  EXPECT_THAT(apply("presence_penalty", {{"penalty", 0.5}}, kFour, context),
              ElementsAre(2, -2.5, 0.5, 0));
  EXPECT_THAT(
      apply("presence_penalty", {{"penalty", -1}, {"include_prompt", true}}, kFour, context),
      ElementsAre(3, -1, 2, 0));
}

TEST(NoRepeatNgram, ForbidsWhatWouldCompleteOneAgain) {
  const auto context = after({0, 1}, {2, 0});  // bigrams 01, 12, 20
  EXPECT_THAT(kept("no_repeat_ngram", {{"n", 2}}, kFour, context), ElementsAre(0, 2, 3));
  EXPECT_THAT(kept("no_repeat_ngram", {{"n", 2}, {"include_prompt", false}}, kFour, context),
              ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(kept("no_repeat_ngram", {{"n", 1}}, kFour, context), ElementsAre(3));
  EXPECT_THAT(kept("no_repeat_ngram", {{"n", 5}}, kFour, context), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(kept("no_repeat_ngram", {{"n", 3}}, kFour, after({1, 2, 3}, {1, 2})),
              ElementsAre(0, 1, 2));
}

TEST(EncoderProcessors, LookAtTheSource) {
  auto context = after({0}, {3});
  context.encoder = {3, 1, 9};  // the encoder's vocabulary may be the larger one
  EXPECT_THAT(kept("encoder_no_repeat_ngram", {{"n", 2}}, kFour, context), ElementsAre(0, 2, 3));
  EXPECT_THAT(apply("encoder_repetition_penalty", {{"penalty", 2}}, {2, -2, 1, 3}, context),
              ElementsAre(2, -1, 1, 6));
  context = after({3, 1}, {3});  // no encoder: the prompt is the source
  EXPECT_THAT(kept("encoder_no_repeat_ngram", {{"n", 2}}, kFour, context), ElementsAre(0, 2, 3));
}

// ---- lengths ----------------------------------------------------------------------------------

TEST(MinimumLengths, ForbidTheEnd) {
  auto context = after({0, 2}, {3, 3});
  context.eos = {1, 3};
  EXPECT_THAT(kept("min_length", {{"tokens", 5}}, kFour, context), ElementsAre(0, 2));
  EXPECT_THAT(kept("min_length", {{"tokens", 4}}, kFour, context), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(kept("min_new_tokens", {{"tokens", 3}}, kFour, context), ElementsAre(0, 2));
  EXPECT_THAT(kept("min_new_tokens", {{"tokens", 2}}, kFour, context), ElementsAre(0, 1, 2, 3));
}

TEST(ExponentialDecayLength, LetsTheEndGain) {
  auto context = after({0}, {2, 2, 2});
  context.eos = {1};
  const auto end = [&](std::int64_t start, double factor, float logit) {
    return apply("exponential_decay_length", {{"start", start}, {"factor", factor}},
                 {2, logit, 1, 0}, context)[1];
  };
  EXPECT_FLOAT_EQ(end(1, 2, -2), 4);  // -2 + 2 * (2^2 - 1)
  EXPECT_FLOAT_EQ(end(1, 2, 3), 12);
  EXPECT_FLOAT_EQ(end(3, 2, -2), -2) << "not yet";
  EXPECT_EQ(end(1, 2, kNever), kNever) << "a forbidden end stays forbidden";
  EXPECT_EQ(end(0, 10, 3e38F), std::numeric_limits<float>::max()) << "and never infinite";
}

TEST(ForcedEos, EndsAtTheLimit) {
  auto context = after({0}, {2, 2});
  context.eos = {1, 3};
  context.max_new_tokens = 3;
  EXPECT_THAT(apply("forced_eos", json::object(), kFour, context),
              ElementsAre(kNever, 0, kNever, 0));
  context.max_new_tokens = 4;
  EXPECT_EQ(apply("forced_eos", json::object(), kFour, context), kFour);
  EXPECT_THAT(apply("forced_eos", {{"before", 1}}, kFour, context),
              ElementsAre(kNever, 0, kNever, 0));
  context.eos = {};
  EXPECT_EQ(apply("forced_eos", {{"before", 1}}, kFour, context), kFour);
}

// ---- lists of tokens --------------------------------------------------------------------------

// The table's model: 2 is "a", 3 "b", 4 "c".
Logits with_texts(const std::string& id, const json& settings, const Context& context) {
  Table table(scrambled(3));
  auto chosen = processor(id, settings);
  chosen.bind(table.model);
  return apply(chosen, {0, 1, 2, 3, 4}, context);
}

TEST(BannedTokens, ByTextAndById) {
  EXPECT_THAT(with_texts("banned_tokens", {{"tokens", {"a", 4}}}, {}),
              ElementsAre(0, 1, kNever, 3, kNever));
  // "ab" loses its "b" after an "a" alone, wherever that stands.
  const json pair = {{"tokens", {"ab"}}};
  EXPECT_THAT(with_texts("banned_tokens", pair, after({0}, {2})), ElementsAre(0, 1, 2, kNever, 4));
  EXPECT_THAT(with_texts("banned_tokens", pair, after({0, 2}, {})),
              ElementsAre(0, 1, 2, kNever, 4));
  EXPECT_THAT(with_texts("banned_tokens", pair, after({0}, {3})), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(with_texts("banned_tokens", {{"sequences", {"2 3", "0 2 4"}}}, after({0}, {2})),
              ElementsAre(0, 1, 2, kNever, kNever));
  const json first = {{"tokens", {1}}, {"first", 1}};
  EXPECT_THAT(with_texts("banned_tokens", first, after({0}, {})), ElementsAre(0, kNever, 2, 3, 4));
  EXPECT_THAT(with_texts("banned_tokens", first, after({0}, {2})), ElementsAre(0, 1, 2, 3, 4));
}

TEST(AllowedTokens, KeepNothingElse) {
  Context context;
  context.eos = {kEos};
  const json settings = {{"tokens", {"a", 4}}};
  EXPECT_THAT(with_texts("allowed_tokens", settings, context),
              ElementsAre(kNever, 1, 2, kNever, 4));
  EXPECT_THAT(with_texts("allowed_tokens", {{"tokens", {"a", 4}}, {"eos", false}}, context),
              ElementsAre(kNever, kNever, 2, kNever, 4));
  const json banned = {{"tokens", {1}}, {"eos", false}};
  EXPECT_THAT(apply("allowed_tokens", banned, {1, kNever, 2}), ElementsAre(kNever, 0, kNever));
}

TEST(ForcedTokens, BeginTheOutput) {
  const json settings = {{"tokens", {"ab", 4}}};
  const Tokens expected = {2, 3, 4};
  Tokens tokens;
  for (const auto token : expected) {
    auto only = Logits(5, kNever);
    only[static_cast<std::size_t>(token)] = 0;
    EXPECT_EQ(with_texts("forced_tokens", settings, after({0}, tokens)), only);
    tokens.push_back(token);
  }
  EXPECT_THAT(with_texts("forced_tokens", settings, after({0}, tokens)),
              ElementsAre(0, 1, 2, 3, 4));
}

TEST(LogitBias, AddsUp) {
  const json settings = {{"tokens", {"b", 4}}, {"sequences", {"2 4"}}, {"biases", {0.5, -1, 10}}};
  EXPECT_THAT(with_texts("logit_bias", settings, after({0}, {3})), ElementsAre(0, 1, 2, 3.5, 3));
  EXPECT_THAT(with_texts("logit_bias", settings, after({0}, {2})), ElementsAre(0, 1, 2, 3.5, 13));
  EXPECT_THAT(with_texts("logit_bias", {{"tokens", {"b", "c"}}, {"biases", {-2}}}, {}),
              ElementsAre(0, 1, 2, 1, 2));
}

TEST(TokenLists, SayWhatIsWrong) {
  const auto problem = [](const std::string& id, const json& settings) {
    return message_of([&] { with_texts(id, settings, {}); });
  };
  EXPECT_EQ(problem("banned_tokens", {{"tokens", {"ax"}}}),
            "logits_processor banned_tokens: \"ax\": model encode: no token for this text");
  EXPECT_EQ(problem("banned_tokens", {{"tokens", {5}}}),
            "logits_processor banned_tokens: token id 5 is outside the vocabulary of 5");
  EXPECT_EQ(problem("banned_tokens", {{"tokens", {1.5}}}),
            "logits_processor banned_tokens: 1.5 is no token id");
  EXPECT_EQ(problem("forced_tokens", {{"tokens", {-1}}}),
            "logits_processor forced_tokens: -1 is no token id");
  EXPECT_EQ(problem("banned_tokens", {{"sequences", {"1 x"}}}),
            "logits_processor banned_tokens: \"x\" is no token id");
  EXPECT_EQ(problem("banned_tokens", {{"sequences", {" "}}}),
            "logits_processor banned_tokens: a sequence without token ids");
  EXPECT_EQ(problem("logit_bias", {{"tokens", {1, 2, 3}}, {"biases", {1, 2}}}),
            "logits_processor logit_bias: there are 2 biases for 3 tokens and sequences: give one "
            "for all, or one for each");
  EXPECT_EQ(problem("logit_bias", {{"tokens", {1}}, {"biases", {"much"}}}),
            "logits_processor logit_bias: biases: \"much\" is not a number");
  EXPECT_EQ(message_of([] {
              apply("banned_tokens", {{"tokens", {"a"}}}, kFour);
            }),
            "logits_processor apply: its settings name tokens by text, and no vocabulary was "
            "given");
}

// ---- all of them ------------------------------------------------------------------------------

// What cuts leaves logits alone that are no distribution: the host reports those by itself.
TEST(Cuts, LeaveWhatIsNoDistributionAlone) {
  const std::map<std::string, json> cuts = {
      {"min_p", {{"min_p", 0.5}}},    {"typical", {{"mass", 0.5}}}, {"epsilon", {{"epsilon", 0.5}}},
      {"eta", {{"epsilon", 0.5}}},    {"top_n_sigma", {{"n", 1}}},  {"top_h", {{"top_h", 0.5}}},
      {"xtc", {{"probability", 1.0}}}};
  for (const auto& [id, settings] : cuts) {
    EXPECT_TRUE(std::isnan(apply(id, settings, {1, NAN, 2})[1])) << id;
    EXPECT_THAT(apply(id, settings, {1, INFINITY, 2}), ElementsAre(1, INFINITY, 2)) << id;
    EXPECT_THAT(apply(id, settings, {kNever, kNever}), ElementsAre(kNever, kNever)) << id;
    EXPECT_THAT(apply(id, settings, {kNever, 0}), ElementsAre(kNever, 0)) << id;
  }
}

TEST(LogNormalize, AddsUpToOne) {
  const auto logits = apply("log_normalize", json::object(), {1, kNever, 3});
  EXPECT_NEAR(std::exp(logits[0]) + std::exp(logits[2]), 1, 1e-6);  // float32
  EXPECT_EQ(logits[1], kNever);
}

}  // namespace
}  // namespace trellis::tests
