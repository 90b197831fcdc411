/// Diverse beams, contrastive search, prompt look-up and best of n: by hand, against what they must
/// equal, and against exact distributions.
#include "tests/unit/sampling_fixture.hpp"

namespace trellis::tests {
namespace {

using decode::Finish;

std::vector<decode::Prompt> many_prompts() {
  std::vector<decode::Prompt> prompts;
  for (const char* prefix : {"", "a", "ab", "c", "dd", "abab", "ea", "bcdbc", "cc", "aceace"}) {
    for (const std::size_t limit : {1U, 2U, 3U, 7U, 24U}) {
      prompts.push_back(prompt_of(prompts.size(), prefix, limit));
      prompts.push_back(prompt_of(prompts.size(), prefix, limit, {"cde", "ee"}));
    }
  }
  return prompts;
}

void expect_same_as_greedy(const TableSettings& settings, const decode::Arm& chosen) {
  Table plain(settings);
  Table table(settings);
  const auto prompts = many_prompts();
  const auto expected = run(plain.model, greedy(), prompts);
  const auto outcome = run(table.model, chosen, prompts);
  ASSERT_TRUE(outcome.failures.empty()) << outcome.failures.begin()->second;
  for (const auto& [key, generation] : expected.generations) {
    SCOPED_TRACE("prompt " + std::to_string(key.first));
    expect_same_output(outcome.at(key.first), generation);
  }
  EXPECT_EQ(table.counts->live, 0U);
}

// ---- prompt look-up ---------------------------------------------------------------------------

// In three of four cases the next letter is that of the alphabet, so that texts repeat themselves.
TableSettings repetitive(float eos_bias) {
  auto settings = scrambled(5, eos_bias);
  const auto wild = settings.logits;
  settings.logits = [wild](const Tokens& encoder, std::span<const std::int32_t> history) {
    auto logits = wild(encoder, history);
    const auto last = static_cast<std::size_t>(history.back());
    if (logits[3] > -1 && history.size() > 1) logits[2 + (last - 1) % 5] = 3;
    return logits;
  };
  return settings;
}

TEST(PromptLookup, EqualsGreedyToTheBit) {
  for (const float eos_bias : {-100.0F, -1.0F, 1.0F}) {
    for (const int num_tokens : {1, 2, 8}) {
      for (const int max_ngram : {1, 3}) {
        expect_same_as_greedy(
            repetitive(eos_bias),
            arm(strategy("prompt_lookup", {{"num_tokens", num_tokens}, {"max_ngram", max_ngram}})));
      }
    }
  }
}

TEST(PromptLookup, EqualsGreedyBehindProcessors) {
  Table plain(repetitive(-1));
  Table table(repetitive(-1));
  auto expected_arm = greedy();
  auto chosen = arm(strategy("prompt_lookup"));
  for (auto* one : {&expected_arm, &chosen}) {
    one->processors.push_back(processor("frequency_penalty", {{"penalty", 0.7}}));
    one->processors.push_back(processor("min_new_tokens", {{"tokens", 9}}));
  }
  const auto expected = run(plain.model, expected_arm, many_prompts());
  const auto outcome = run(table.model, chosen, many_prompts());
  for (const auto& [key, generation] : expected.generations) {
    expect_same_output(outcome.at(key.first), generation);
  }
}

TEST(PromptLookup, NeedsFewerRoundsWhereTheTextRepeats) {
  // "abcdeabcde...": after one turn every draft is right.
  Table table(turning_letters());
  const auto chosen = arm(strategy("prompt_lookup", {{"num_tokens", 4}}));
  const auto outcome = run(table.model, chosen, {prompt_of(0, "abcdea", 40)});
  EXPECT_EQ(outcome.text(0), "bcdeabcdeabcdeabcdeabcdeabcdeabcdeabcdea");
  EXPECT_EQ(outcome.totals.computed_tokens, 39U) << "no draft was in vain";
  EXPECT_LT(table.counts->feeds, 12U);  // five tokens a round, and the prompt
}

// ---- contrastive search -----------------------------------------------------------------------

TEST(Contrastive, OfOneCandidateOrWithoutPenaltyIsGreedy) {
  expect_same_as_greedy(scrambled(5), arm(strategy("contrastive", {{"k", 1}})));
  expect_same_as_greedy(scrambled(5), arm(strategy("contrastive", {{"k", 4}, {"alpha", 0}})));
}

TEST(Contrastive, NeedsHiddenStates) {
  auto settings = scrambled(5);
  settings.hidden_size = 0;
  Table table(settings);
  const auto outcome = run(table.model, arm(strategy("contrastive")), {prompt_of(0, "", 5)});
  EXPECT_EQ(outcome.failures.at({0, 0}),
            "strategy advance: the model has no hidden states, which contrastive search compares");
}

// ---- diverse beams ----------------------------------------------------------------------------

decode::Arm groups(int num_beams, int num_groups, double penalty) {
  return arm(strategy(
      "group_beam",
      {{"num_beams", num_beams}, {"num_beam_groups", num_groups}, {"diversity_penalty", penalty}}));
}

std::vector<std::string> texts_of(const decode::Generation& generation) {
  std::vector<std::string> texts = {generation.text};
  for (const auto& other : generation.runners_up) {
    texts.emplace_back();
    for (const auto token : other.tokens) {
      if (token != kEos) texts.back() += static_cast<char>('a' + token - 2);
    }
  }
  return texts;
}

TEST(GroupBeam, LaterGroupsAvoidWhatEarlierOnesChose) {
  // One beam a group. The first says "aa" (0.6 * 0.7). A penalty of 1 makes "a" 0.6 / e = 0.22 for
  // the second, which says "b" (0.4) and then what it likes best: "b" (0.8), which nobody took.
  Table table(markov(2, {{"", {{"a", 0.6}, {"b", 0.4}}},
                         {"a", {{"a", 0.7}, {"b", 0.3}}},
                         {"b", {{"a", 0.2}, {"b", 0.8}}}}));
  RunOptions options;
  options.runners_up = 3;
  const auto outcome = run(table.model, groups(2, 2, 1), {prompt_of(0, "", 2)}, options);
  EXPECT_THAT(texts_of(outcome.at(0)), testing::ElementsAre("aa", "bb"));
  EXPECT_NEAR(outcome.at(0).score, std::log(0.42) / 2, 1e-6);
  EXPECT_NEAR(outcome.at(0).runners_up[0].score, std::log(0.32) / 2, 1e-6);
  // Without a penalty both say the same.
  const auto same = run(table.model, groups(2, 2, 0), {prompt_of(0, "", 2)}, options);
  EXPECT_THAT(texts_of(same.at(0)), testing::ElementsAre("aa", "aa"));
}

TEST(GroupBeam, OfOneGroupThatHoldsAllIsBeamSearch) {
  const auto settings = scrambled(3, 1);
  for (const char* prefix : {"", "a", "b", "ccc"}) {
    Table table(settings);
    const auto expected =
        run(table.model, arm(strategy("beam", {{"num_beams", 200}})), {prompt_of(0, prefix, 4)});
    const auto outcome = run(table.model, groups(200, 1, 3), {prompt_of(0, prefix, 4)});
    expect_same_output(outcome.at(0), expected.at(0));
    EXPECT_EQ(outcome.at(0).score, expected.at(0).score);
  }
}

TEST(GroupBeam, SaysWhatIsWrong) {
  EXPECT_EQ(message_of([] { groups(5, 2, 1); }), "num_beam_groups = 2: must divide num_beams = 5");
}

// ---- several sequences ------------------------------------------------------------------------

TEST(RunnersUp, AreTheOtherSequencesInOrder) {
  // All sequences of two letters; four beams finish the four best.
  Table table(markov(2, {{"", {{"a", 0.6}, {"b", 0.4}}},
                         {"a", {{"a", 0.7}, {"b", 0.3}}},
                         {"b", {{"a", 0.2}, {"b", 0.8}}}}));
  RunOptions options;
  options.runners_up = 2;
  const auto chosen = arm(strategy("beam", {{"num_beams", 4}}));
  const auto outcome = run(table.model, chosen, {prompt_of(0, "", 2)}, options);
  EXPECT_THAT(texts_of(outcome.at(0)), testing::ElementsAre("aa", "bb", "ab"));  // .42 .32 .18
  EXPECT_TRUE(run(table.model, chosen, {prompt_of(0, "", 2)}).at(0).runners_up.empty());
}

// ---- best of n --------------------------------------------------------------------------------

TEST(BestOfN, OfOneIsAncestralSampling) {
  std::map<std::string, double> pairs;
  for (const auto& [first, p] : kLaw) {
    for (const auto& [second, q] : kLaw) pairs[first + second] = p * q;
  }
  const auto drawn = draw(arm(strategy("best_of_n", {{"n", 1}})), 40000, 2);
  EXPECT_LT(chi_square(drawn, pairs), 92.0);  // 48 degrees of freedom, one in ten thousand
}

TEST(BestOfN, AnswersWithTheMostProbableOfIndependentSamples) {
  // The best of three letters is x where all three are x or less probable: the power of the mass
  // from x on, less that of the mass after it.
  std::map<std::string, double> best;
  double mass = 0;
  for (auto letter = kLaw.rbegin(); letter != kLaw.rend(); ++letter) {
    best[letter->first] = std::pow(mass + letter->second, 3) - std::pow(mass, 3);
    mass += letter->second;
  }
  const auto drawn = draw(arm(strategy("best_of_n", {{"n", 3}})), 20000, 1);
  EXPECT_LT(chi_square(drawn, best), 27.9);  // 6
}

TEST(BestOfN, RanksByMeanOrSum) {
  // "b" (0.55), then surely the end; or "a" (0.45), then surely "c" and the end.
  const auto settings = markov(
      3, {{"", {{"a", 0.45}, {"b", 0.55}}}, {"a", {{"c", 1}}}, {"b", {{"", 1}}}, {"c", {{"", 1}}}});
  Table three(settings);
  const auto text = [&](double length_penalty) {
    const auto chosen = arm(strategy("best_of_n", {{"n", 30}, {"length_penalty", length_penalty}}));
    return run(three.model, chosen, {prompt_of(0, "", 9)}).text(0);
  };
  EXPECT_EQ(text(0), "b");   // ln 0.55 against ln 0.45
  EXPECT_EQ(text(1), "ac");  // ln 0.55 / 2 = -0.30 against ln 0.45 / 3 = -0.27
  EXPECT_EQ(three.counts->live, 0U);
}

TEST(BestOfN, EndsAtStopStrings) {
  Table table(markov(2, {{"", {{"a", 0.5}, {"b", 0.5}}},
                         {"a", {{"a", 0.5}, {"b", 0.5}}},
                         {"b", {{"a", 0.5}, {"b", 0.5}}}}));
  const auto chosen = arm(strategy("best_of_n", {{"n", 4}, {"length_penalty", 0}}));
  const auto outcome = run(table.model, chosen, {prompt_of(0, "", 30, {"b"})});
  EXPECT_EQ(outcome.at(0).finish, Finish::stop);
  EXPECT_EQ(outcome.text(0).find('b'), std::string::npos);
  EXPECT_EQ(table.counts->live, 0U);
}

// ---- minimum Bayes risk -----------------------------------------------------------------------

TEST(MinimumBayesRisk, OfOneIsAncestralSampling) {
  const auto drawn = draw(arm(strategy("minimum_bayes_risk", {{"n", 1}})), 20000, 1);
  EXPECT_LT(chi_square(drawn, kLaw), 27.9);  // 6
}

TEST(MinimumBayesRisk, ByExactMatchIsTheMostFrequent) {
  // Of three letters the one that came twice or thrice, else the first that ended: all have the
  // same risk then, and of equals the first wins.
  std::map<std::string, double> weights;
  for (const auto& [text, p] : kLaw) {
    double all_different = 0;
    for (const auto& [second, q] : kLaw) {
      for (const auto& [third, r] : kLaw) {
        if (second != text && third != text && second != third) all_different += p * q * r;
      }
    }
    weights[text] = p * p * p + 3 * p * p * (1 - p) + all_different;
  }
  const auto chosen = arm(strategy("minimum_bayes_risk", {{"n", 3}, {"utility", "exact_match"}}));
  EXPECT_LT(chi_square(draw(chosen, 20000, 1), weights), 27.9);
}

TEST(MinimumBayesRisk, TakesWhatIsMostLikeTheOthers) {
  // Half of the samples say "ccccc", which nobody comes near; the others begin alike.
  auto settings = markov(4, {});
  settings.logits = [texts = settings.texts](const Tokens&, std::span<const std::int32_t> history) {
    std::string text;
    for (const auto token : history) text += texts[static_cast<std::size_t>(token)];
    if (text.empty()) return log_of(texts, {{"a", 0.6}, {"c", 0.4}});
    if (text[0] == 'c') return log_of(texts, {{text.size() < 5 ? "c" : "", 1}});
    if (text.size() < 5) return log_of(texts, {{"a", 1}});
    if (text.size() == 5) return log_of(texts, {{"a", 0.34}, {"b", 0.33}, {"d", 0.33}});
    return log_of(texts, {{"", 1}});
  };
  for (const char* utility : {"chrf", "edit_similarity"}) {
    Table table(settings);
    const auto chosen = arm(strategy("minimum_bayes_risk", {{"n", 60}, {"utility", utility}}));
    const auto outcome = run(table.model, chosen, {prompt_of(0, "", 20)});
    // Most probable is "ccccc" with 0.4, against 0.2 each.
    EXPECT_EQ(outcome.text(0).substr(0, 5), "aaaaa") << utility;
    EXPECT_GT(outcome.at(0).score, 0);
    EXPECT_EQ(table.counts->live, 0U);
  }
}

// ---- stochastic beam --------------------------------------------------------------------------

TEST(StochasticBeam, OfOneDrawsWhatSamplingDraws) {
  const auto chosen = arm(strategy("stochastic_beam", {{"k", 1}}));
  EXPECT_EQ(draw(chosen, 500, 6), draw(sampling({}), 500, 6));
}

// Every sequence of up to two letters with its probability; "a" may end at once.
const std::map<std::string, double> kSequences = {
    {"a", 0.5 * 0.4},  {"aa", 0.5 * 0.3}, {"ab", 0.5 * 0.3}, {"ba", 0.3 * 0.5},
    {"bb", 0.3 * 0.5}, {"ca", 0.2 * 0.9}, {"cb", 0.2 * 0.1}};

TEST(StochasticBeam, DrawsWithoutReplacement) {
  const auto settings = markov(3, {});
  auto tree = settings;
  tree.logits = [texts = settings.texts](const Tokens&, std::span<const std::int32_t> history) {
    std::string text;
    for (const auto token : history) text += texts[static_cast<std::size_t>(token)];
    if (text.empty()) return log_of(texts, {{"a", 0.5}, {"b", 0.3}, {"c", 0.2}});
    if (text == "a") return log_of(texts, {{"", 0.4}, {"a", 0.3}, {"b", 0.3}});
    if (text == "b") return log_of(texts, {{"a", 0.5}, {"b", 0.5}});
    if (text == "c") return log_of(texts, {{"a", 0.9}, {"b", 0.1}});
    return log_of(texts, {{"", 1}});
  };
  std::map<std::string, double> sets;
  for (const auto& [first, p] : kSequences) {
    for (const auto& [second, q] : kSequences) {
      auto both = first;
      both.append(" ").append(second);
      if (first < second) sets[both] = p * q / (1 - p) + p * q / (1 - q);
    }
  }
  Table table(tree);
  RunOptions options;
  options.samples = 20000;
  options.seed = 3;
  options.runners_up = 10;
  const auto chosen = arm(strategy("stochastic_beam", {{"k", 2}}));
  const auto outcome = run(table.model, chosen, {prompt_of(0, "", 9)}, options);
  std::vector<std::string> drawn;
  for (const auto& [key, generation] : outcome.generations) {
    auto texts = texts_of(generation);
    // What was pushed out of the set has the score -infinity and stands last.
    ASSERT_GE(generation.runners_up.size(), 1U);
    for (std::size_t i = 1; i < generation.runners_up.size(); ++i) {
      EXPECT_EQ(generation.runners_up[i].score, -INFINITY);
    }
    EXPECT_NEAR(generation.score, std::log(kSequences.at(texts[0])), 1e-6);  // float32
    EXPECT_GE(generation.score, generation.runners_up[0].score);
    texts.resize(2);
    std::sort(texts.begin(), texts.end());
    drawn.push_back(texts[0].append(" ").append(texts[1]));
  }
  EXPECT_LT(chi_square(drawn, sets), 49.0);  // 20 degrees of freedom, one in three thousand
  EXPECT_EQ(table.counts->live, 0U);
}

TEST(StochasticBeam, ThatHoldsAllFindsTheMostProbable) {
  const auto settings = scrambled(3, 1);
  Table table(settings);
  const auto expected =
      run(table.model, arm(strategy("beam", {{"num_beams", 200}, {"length_penalty", 0}})),
          {prompt_of(0, "a", 4)});
  const auto outcome =
      run(table.model, arm(strategy("stochastic_beam", {{"k", 200}})), {prompt_of(0, "a", 4)});
  expect_same_output(outcome.at(0), expected.at(0));
}

}  // namespace
}  // namespace trellis::tests
