/// Speculative decoding with a draft model: what it may never change, and what it saves.
#include "core/decode/draft.hpp"
#include "tests/unit/sampling_fixture.hpp"

namespace trellis::tests {
namespace {

using decode::Finish;

decode::Arm speculative(plugin::Model& draft, const char* verification, int num_tokens = 4) {
  auto chosen = arm(strategy(
      "speculative",
      {{"draft", "of the test"}, {"verification", verification}, {"num_tokens", num_tokens}}));
  chosen.draft = &draft;
  return chosen;
}

std::vector<decode::Prompt> many_prompts() {
  std::vector<decode::Prompt> prompts;
  for (const char* prefix : {"", "a", "ab", "c", "dd", "abab", "ea", "bcdbc", "cc", "aceace"}) {
    for (const std::size_t limit : {1U, 2U, 3U, 4U, 7U, 24U}) {
      prompts.push_back(prompt_of(prompts.size(), prefix, limit));
      prompts.push_back(prompt_of(prompts.size(), prefix, limit, {"cde", "ee"}));
    }
  }
  return prompts;
}

// The model's own logits for four histories in five, shifted for the others: right now and then.
TableSettings half_right(float eos_bias) {
  auto settings = scrambled(5, eos_bias);
  const auto right = settings.logits;
  settings.logits = [right](const Tokens& encoder, std::span<const std::int32_t> history) {
    auto logits = right(encoder, history);
    if (logits[3] > 1) std::rotate(logits.begin() + 1, logits.begin() + 2, logits.end());
    return logits;
  };
  return settings;
}

void expect_same(const decode::Arm& expected_arm, const decode::Arm& chosen,
                 const TableSettings& settings, const RunOptions& options = {}) {
  Table plain(settings);
  Table table(settings);
  const auto prompts = many_prompts();
  const auto expected = run(plain.model, expected_arm, prompts, options);
  const auto outcome = run(table.model, chosen, prompts, options);
  ASSERT_TRUE(outcome.failures.empty()) << outcome.failures.begin()->second;
  for (const auto& [key, generation] : expected.generations) {
    SCOPED_TRACE("prompt " + std::to_string(key.first));
    expect_same_output(outcome.at(key.first, key.second), generation);
  }
  EXPECT_EQ(table.counts->live, 0U);
}

TEST(Draft, GreedyIsGreedyToTheBit) {
  for (const float eos_bias : {-100.0F, -1.0F, 1.0F}) {
    for (const int num_tokens : {1, 2, 3, 8}) {
      for (const auto& draft_settings :
           {half_right(eos_bias), scrambled(5, eos_bias), scrambled(5, 2.0F)}) {
        Table draft(draft_settings);
        expect_same(greedy(), speculative(draft.model, "greedy", num_tokens),
                    scrambled(5, eos_bias));
        EXPECT_EQ(draft.counts->live, 0U);
      }
    }
  }
}

TEST(Draft, CoupledDrawsTheTokensOfSample) {
  for (const float eos_bias : {-100.0F, -1.0F}) {
    for (const int num_tokens : {1, 3, 8}) {
      Table draft(half_right(eos_bias));
      auto expected = sampling({});
      auto chosen = speculative(draft.model, "coupled", num_tokens);
      for (auto* one : {&expected, &chosen}) {
        one->processors.push_back(processor("frequency_penalty", {{"penalty", 0.7}}));
        one->processors.push_back(processor("temperature", {{"temperature", 0.8}}));
        one->processors.push_back(processor("top_p", {{"top_p", 0.9}}));
      }
      RunOptions options;
      options.samples = 3;
      options.seed = 7;
      expect_same(expected, chosen, scrambled(5, eos_bias), options);
      EXPECT_EQ(draft.counts->live, 0U);
    }
  }
}

// Of every history, so that a mistake at any place of a block shows.
const Markov kModelLaw = {{"", {{"a", 0.5}, {"b", 0.2}, {"c", 0.1}, {"", 0.2}}},
                          {"a", {{"a", 0.1}, {"b", 0.4}, {"c", 0.2}, {"", 0.3}}},
                          {"b", {{"a", 0.3}, {"b", 0.3}, {"c", 0.3}, {"", 0.1}}},
                          {"c", {{"a", 0.7}, {"b", 0.2}, {"", 0.1}}}};
// More, less and as probable; never what the model says, and what it never says.
const Markov kDraftLaw = {{"", {{"a", 0.2}, {"b", 0.4}, {"", 0.4}}},
                          {"a", {{"a", 0.4}, {"b", 0.4}, {"c", 0.1}, {"", 0.1}}},
                          {"b", {{"c", 1.0}}},
                          {"c", {{"c", 0.5}, {"b", 0.2}, {"", 0.3}}}};

// Probabilities of all texts of at most `length` letters.
void add_texts(const Markov& law, const std::string& text, double probability, std::size_t length,
               std::map<std::string, double>& all) {
  if (text.size() == length) {
    all[text] += probability;
    return;
  }
  for (const auto& [letter, p] : law.at(text.empty() ? "" : text.substr(text.size() - 1))) {
    if (letter.empty()) {
      all[text] += probability * p;
    } else {
      add_texts(law, text + letter, probability * p, length, all);
    }
  }
}

// What a chi-square variable exceeds once in ten thousand, by Wilson and Hilferty's approximation.
double bound(std::size_t outcomes) {
  const auto degrees = static_cast<double>(outcomes - 1);
  const double part = 2 / (9 * degrees);
  return degrees * std::pow(1 - part + 3.719 * std::sqrt(part), 3);
}

Outcome draw_many(const decode::Arm& chosen, std::size_t length, std::uint32_t samples) {
  Table table(markov(3, kModelLaw));
  RunOptions options;
  options.samples = samples;
  options.seed = 5;
  auto outcome = run(table.model, chosen, {prompt_of(0, "", length)}, options);
  EXPECT_TRUE(outcome.failures.empty());
  EXPECT_EQ(table.counts->live, 0U);
  return outcome;
}

TEST(Draft, RejectionKeepsTheModelsDistribution) {
  std::map<std::string, double> law;
  add_texts(kModelLaw, "", 1, 4, law);
  for (const int num_tokens : {1, 2, 5}) {
    Table draft(markov(3, kDraftLaw));
    constexpr std::uint32_t kSamples = 20'000;
    const auto outcome = draw_many(speculative(draft.model, "rejection", num_tokens), 4, kSamples);
    std::vector<std::string> texts;
    for (std::uint32_t i = 0; i < kSamples; ++i) texts.push_back(outcome.text(0, i));
    EXPECT_LT(chi_square(texts, law), bound(law.size())) << num_tokens << " tokens";
    EXPECT_EQ(draft.counts->live, 0U);
  }
}

TEST(Draft, RejectionKeepsWhatProcessorsLeave) {
  // The law cut to three letters: 0.30, 0.22 and 0.16 of 0.68. The draft likes "c" and "g".
  auto chosen_law = kLaw;
  chosen_law["c"] = 0.9;
  chosen_law["g"] = 0.7;
  Table table(one_law());
  auto settings = one_law();
  settings.logits = [texts = settings.texts, chosen_law](const Tokens&,
                                                         std::span<const std::int32_t>) {
    return log_of(texts, chosen_law);
  };
  Table draft(settings);
  auto chosen = speculative(draft.model, "rejection", 3);
  chosen.processors.push_back(processor("top_k", {{"k", 3}}));
  RunOptions options;
  options.samples = 20'000;
  const auto outcome = run(table.model, chosen, {prompt_of(0, "", 4)}, options);
  std::map<std::string, double> law;
  std::vector<std::string> thirds;  // the second letter was drafted first
  for (std::uint32_t i = 0; i < options.samples; ++i) {
    thirds.push_back(outcome.text(0, i).substr(1, 2));
  }
  for (const char a : std::string("abc")) {
    for (const char b : std::string("abc")) {
      law[{a, b}] = kLaw.at({a}) * kLaw.at({b});
    }
  }
  EXPECT_LT(chi_square(thirds, law), bound(law.size()));
}

TEST(Draft, AcceptsWithOneMinusTheTotalVariation) {
  // One law at every place: the overlap of the two is the sum of the lesser probabilities.
  const std::map<std::string, double> other = {{"a", 0.10}, {"b", 0.22}, {"c", 0.36}, {"d", 0.12},
                                               {"e", 0.09}, {"f", 0.06}, {"g", 0.05}};
  auto settings = one_law();
  settings.logits = [texts = settings.texts, other](const Tokens&, std::span<const std::int32_t>) {
    return log_of(texts, other);
  };
  Table table(one_law());
  Table draft(settings);
  RunOptions options;
  options.samples = 500;
  const auto outcome =
      run(table.model, speculative(draft.model, "rejection", 1), {prompt_of(0, "", 60)}, options);
  double proposed = 0;
  double accepted = 0;
  for (const auto& [key, generation] : outcome.generations) {
    proposed += static_cast<double>(generation.proposed_tokens);
    accepted += static_cast<double>(generation.accepted_tokens);
  }
  // 1 - 0.2, within four standard errors of so many trials.
  EXPECT_NEAR(accepted / proposed, 0.8, 4 * std::sqrt(0.8 * 0.2 / proposed));
  EXPECT_GT(proposed, 10'000);
}

TEST(Draft, OfTheModelItselfIsAlwaysRight) {
  for (const char* verification : {"rejection", "coupled", "greedy"}) {
    Table table(scrambled(5, -100));
    Table draft(scrambled(5, -100));
    const auto outcome =
        run(table.model, speculative(draft.model, verification, 4), {prompt_of(0, "ab", 41)});
    const auto& generation = outcome.at(0);
    EXPECT_EQ(generation.tokens.size(), 41U);
    EXPECT_EQ(generation.accepted_tokens, generation.proposed_tokens) << verification;
    // The prompt, eight blocks of five, and what is left where a draft would fill the length.
    EXPECT_LE(table.counts->feeds, 11U) << verification;
    EXPECT_EQ(outcome.totals.computed_tokens, 40U) << "nothing was computed twice";
  }
}

TEST(Draft, BatchAndOtherArmsChangeNothing) {
  const auto prompts = many_prompts();
  Table alone(scrambled(5));
  Table alone_draft(half_right(0));
  RunOptions options;
  options.samples = 2;
  options.max_batch = 1;
  options.share = false;
  const auto expected =
      run(alone.model, speculative(alone_draft.model, "rejection"), prompts, options);
  Table table(scrambled(5));
  Table draft(half_right(0));
  std::vector<decode::Arm> arms;
  arms.push_back(greedy());
  arms.push_back(speculative(draft.model, "rejection"));
  arms.push_back(speculative(draft.model, "coupled", 2));
  arms.push_back(arm(strategy("beam", {{"num_beams", 3}})));
  options.max_batch = 17;
  options.feed_tokens = 5;
  options.share = true;
  const auto requests = decode::every_sample(arms, prompts.size(), options.samples, options.seed);
  const auto outcomes = run_arms(table.model, arms, prompts, requests, options);
  for (const auto& [key, generation] : expected.generations) {
    SCOPED_TRACE("prompt " + std::to_string(key.first));
    expect_same_output(outcomes[1].at(key.first, key.second), generation);
  }
  EXPECT_EQ(table.counts->live, 0U);
  EXPECT_EQ(draft.counts->live, 0U);
}

TEST(Draft, WithoutRoomLeavesTheModelAlone) {
  for (const std::size_t context : {1U, 2U, 4U, 6U, 9U}) {
    auto settings = half_right(-1);
    settings.max_context = context;
    Table draft(settings);
    expect_same(greedy(), speculative(draft.model, "greedy"), scrambled(5, -1));
    EXPECT_EQ(draft.counts->live, 0U);
  }
}

TEST(Draft, FitsBesideTheModelInMemory) {
  auto settings = scrambled(5, -1);
  settings.state_bytes = {{"per_state", 100}, {"per_token", 10}};
  auto draft_settings = half_right(-1);
  draft_settings.state_bytes = settings.state_bytes;
  for (const std::uint64_t memory : {1U, 3000U, 100'000U}) {
    Table draft(draft_settings);
    RunOptions options;
    options.state_memory = memory;
    expect_same(greedy(), speculative(draft.model, "greedy"), settings, options);
  }
}

TEST(Draft, MustBeLent) {
  Table table(scrambled(5));
  Table draft(scrambled(5));
  auto chosen = speculative(draft.model, "greedy");
  chosen.draft = nullptr;
  EXPECT_THROW(run(table.model, chosen, {prompt_of(0, "", 9)}), Error);
}

TEST(Draft, ThatGivesNoNumbersIsNamed) {
  auto settings = scrambled(5);
  settings.logits = [](const Tokens&, std::span<const std::int32_t>) {
    return std::vector<float>(7, NAN);
  };
  Table table(scrambled(5, -100));
  Table draft(settings);
  const auto outcome = run(table.model, speculative(draft.model, "greedy"), {prompt_of(0, "", 9)});
  EXPECT_EQ(outcome.failures.at({0, 0}),
            "the draft gave no usable logits after 1 tokens: NaN, infinity, or nothing but "
            "-infinity");
}

TEST(Draft, MustHaveTheModelsVocabulary) {
  const auto problem = [](const TableSettings& settings) -> std::string {
    Table table(scrambled(5));
    Table draft(settings);
    return message_of([&] { decode::require_same_vocabulary(table.model, draft.model); });
  };
  EXPECT_EQ(problem(half_right(0)), "");
  EXPECT_EQ(problem(scrambled(6)),
            "the draft has a vocabulary of 8 tokens and the model one of 7; a draft must have the "
            "model's own");
  auto other = scrambled(5);
  std::swap(other.texts[2], other.texts[4]);
  EXPECT_EQ(problem(other),
            "token 2 is \"c\" to the draft and \"a\" to the model; a draft must have the model's "
            "own vocabulary");
  other = scrambled(5);
  other.eos = {1, 2};
  EXPECT_THAT(problem(other), testing::HasSubstr("other end symbols"));
}

TEST(Draft, PromptLookUpCountsWhatWasKept) {
  Table table(turning_letters());
  const auto outcome = run(table.model, arm(strategy("prompt_lookup", {{"num_tokens", 4}})),
                           {prompt_of(0, "abcdea", 12)});
  // "b" and four that repeat, twice; of twelve tokens none may fill the length by a draft.
  EXPECT_GT(outcome.at(0).proposed_tokens, 0U);
  EXPECT_EQ(outcome.at(0).accepted_tokens, outcome.at(0).proposed_tokens);
}

}  // namespace
}  // namespace trellis::tests
