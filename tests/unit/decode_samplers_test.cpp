/// Every sampler against the exact distribution that it draws from.
#include "tests/unit/sampling_fixture.hpp"

namespace trellis::tests {
namespace {

using Weights = std::map<std::string, double>;

// What a chi-square variable exceeds once in ten thousand, by Wilson and Hilferty's approximation.
double bound(std::size_t outcomes) {
  const auto degrees = static_cast<double>(outcomes - 1);
  const double part = 2 / (9 * degrees);
  return degrees * std::pow(1 - part + 3.719 * std::sqrt(part), 3);
}

Weights only(const Weights& weights, const std::string& letters) {
  Weights some;
  for (const char letter : letters) some[std::string(1, letter)] = weights.at({letter});
  return some;
}

Weights normalised(Weights weights) {
  double total = 0;
  for (const auto& [text, weight] : weights) total += weight;
  for (auto& [text, weight] : weights) weight /= total;
  return weights;
}

using Processors = std::vector<std::pair<std::string, json>>;

void expect_drawn(const Processors& processors, const Weights& weights, std::size_t length = 1) {
  const auto drawn = draw(sampling(processors), 20000, length);
  EXPECT_LT(chi_square(drawn, weights), bound(weights.size()));
}

// The law: a 0.30, b 0.22, c 0.16, d 0.12, e 0.09, f 0.06, g 0.05; its entropy is 1.777 nats.
TEST(Samplers, DrawFromWhatTheCutsLeave) {
  expect_drawn({{"min_p", {{"min_p", 0.5}}}}, only(kLaw, "abc"));
  // Distances from the entropy: c 0.055, b 0.263, d 0.343, a 0.573 ...; mass 0.16, 0.38, 0.50.
  expect_drawn({{"typical", {{"mass", 0.45}}}}, only(kLaw, "bcd"));
  expect_drawn({{"epsilon", {{"epsilon", 0.1}}}}, only(kLaw, "abcd"));
  expect_drawn({{"eta", {{"epsilon", 0.25}}}}, only(kLaw, "abcde"));  // 0.5 * exp(-1.777) = 0.085
  // The deviation of the seven log-probabilities is 0.612: the bound is -1.204 - 0.673.
  expect_drawn({{"top_n_sigma", {{"n", 1.1}}}}, only(kLaw, "abc"));
  expect_drawn({{"top_h", {{"top_h", 0.4}}}}, only(kLaw, "ab"));  // 0.361 + 0.333 < 0.711
}

TEST(Samplers, DrawWithTopChoicesExcludedHalfOfTheTime) {
  auto weights = kLaw;
  for (const auto& [text, p] : normalised(only(kLaw, "cdefg"))) weights[text] += p;
  expect_drawn({{"xtc", {{"probability", 0.5}, {"threshold", 0.15}}}}, weights);
}

TEST(Samplers, DrawFromAChain) {
  // Squared: a 0.0900, b 0.0484, c 0.0256, d 0.0144, e 0.0081. Five stay, then those of a fifth of
  // the greatest; of these three the entropy is 0.982, and b lies nearest to it: 0.237, a 0.380, c
  // 0.874; its mass is 0.295.
  Weights squared;
  for (const auto& [text, p] : kLaw) squared[text] = p * p;
  expect_drawn({{"typical", {{"mass", 0.5}}},
                {"min_p", {{"min_p", 0.2}}},
                {"top_k", {{"k", 5}}},
                {"temperature", {{"temperature", 0.5}}}},
               only(squared, "ab"));
}

TEST(Samplers, DrawWithBiasesAndBans) {
  auto weights = kLaw;
  weights["b"] *= std::exp(1.5);
  expect_drawn({{"logit_bias", {{"tokens", {3}}, {"biases", {1.5}}}}}, weights);
  expect_drawn({{"banned_tokens", {{"tokens", {2, 4}}}}}, only(kLaw, "bdefg"));
  expect_drawn({{"allowed_tokens", {{"tokens", {2, 8}}}}}, only(kLaw, "ag"));
}

// Two letters, the second with something against the first.
Weights pairs(double (*repeated)(double p)) {
  Weights both;
  for (const auto& [first, p] : kLaw) {
    auto second = kLaw;
    second[first] = repeated(second[first]);
    for (const auto& [text, q] : normalised(second)) {
      if (q > 0) both[first + text] = p * q;
    }
  }
  return both;
}

TEST(Samplers, DrawWithPenalties) {
  expect_drawn({{"presence_penalty", {{"penalty", 1}}}},
               pairs([](double p) { return p * std::exp(-1); }), 2);
  expect_drawn({{"frequency_penalty", {{"penalty", -0.5}}}},
               pairs([](double p) { return p * std::exp(0.5); }), 2);
  // The logits are log-probabilities, below zero: the penalty multiplies them.
  expect_drawn({{"repetition_penalty", {{"penalty", 2}}}}, pairs([](double p) { return p * p; }),
               2);
  expect_drawn({{"no_repeat_ngram", {{"n", 1}}}}, pairs([](double) { return 0.0; }), 2);
}

TEST(Samplers, ChanceInAProcessorMakesSamplesDiffer) {
  auto chosen = greedy();
  chosen.processors.push_back(processor("xtc", {{"threshold", 0.15}}));
  const auto drawn = draw(chosen, 4000, 1);
  EXPECT_LT(chi_square(drawn, {{"a", 1}, {"c", 1}}), bound(2));
}

// ---- mirostat ---------------------------------------------------------------------------------

TEST(Mirostat, CutsAtItsFirstBound) {
  // Surprises in bits: a 1.74, b 2.18, c 2.64, d 3.06, e 3.47 ...; the first bound is twice tau.
  const auto chosen = arm(strategy("mirostat", {{"tau", 1.4}, {"eta", 0.1}}));
  EXPECT_LT(chi_square(draw(chosen, 20000, 1), only(kLaw, "abc")), bound(3));
  // Whatever the bound, the most probable token stays.
  EXPECT_EQ(draw(arm(strategy("mirostat", {{"tau", 0.1}})), 1, 1).front(), "a");
}

TEST(Mirostat, MovesItsBoundByWhatWasDrawn) {
  // At eta 1 the second bound is 2.8 - (surprise of the first - 1.4): after "a" 2.46, which "b"
  // passes and "c" does not; after "b" 2.02 and after "c" 1.56: only "a" is left, or nothing.
  const auto chosen = arm(strategy("mirostat", {{"tau", 1.4}, {"eta", 1.0}}));
  const auto first = normalised(only(kLaw, "abc"));
  const auto second = normalised(only(kLaw, "ab"));
  const Weights weights = {{"aa", first.at("a") * second.at("a")},
                           {"ab", first.at("a") * second.at("b")},
                           {"ba", first.at("b")},
                           {"ca", first.at("c")}};
  EXPECT_LT(chi_square(draw(chosen, 20000, 2), weights), bound(4));
}

TEST(Mirostat, HoldsTheWishedSurprise) {
  // Zipf's law over 600 letters has 7.6 bits; three targets below that.
  TableSettings settings;
  settings.texts = {"", ""};
  for (int i = 0; i < 600; ++i) settings.texts.push_back(" w" + std::to_string(i) + ".");
  std::vector<float> logits(settings.texts.size(), -INFINITY);
  for (std::size_t i = 2; i < logits.size(); ++i) {
    logits[i] = -std::log(static_cast<float>(i - 1));
  }
  settings.logits = [logits](const Tokens&, std::span<const std::int32_t>) { return logits; };
  for (const double tau : {3.0, 4.0, 5.0}) {
    Table table(settings);
    const auto chosen = arm(strategy("mirostat", {{"tau", tau}, {"eta", 0.1}}));
    const auto outcome = run(table.model, chosen, {prompt_of(0, "", 3000)});
    double bits = 0;
    for (const auto& record : outcome.at(0).tokens) bits -= record.log_probability / std::log(2);
    // The sum of all errors is what the bound has moved, divided by eta: at most some tens of bits.
    EXPECT_NEAR(bits / 3000, tau, 0.05);
  }
}

}  // namespace
}  // namespace trellis::tests
