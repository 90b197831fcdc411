/// Beam search: against exhaustive search where the beam holds everything, and by hand where it
/// does not.
#include "tests/unit/decode_fixture.hpp"

namespace trellis::tests {
namespace {

using decode::Finish;

decode::Arm beam(int num_beams, double length_penalty = 1,
                 const std::string& early_stopping = "heuristic") {
  return arm(strategy("beam", {{"num_beams", num_beams},
                               {"length_penalty", length_penalty},
                               {"early_stopping", early_stopping}}));
}

struct Best {
  Tokens tokens;
  double score = -INFINITY;
};

// Looks at every sequence up to the limit.
void search_all(const TableSettings& settings, Tokens& history, std::size_t prompt_size, double sum,
                std::size_t limit, double length_penalty, Best& best) {
  const auto logits = settings.logits({}, history);
  double total = 0;
  for (const float x : logits) total += std::exp(static_cast<double>(x));
  for (std::size_t id = 0; id < logits.size(); ++id) {
    if (std::isinf(logits[id])) continue;
    const double next = sum + static_cast<double>(logits[id]) - std::log(total);
    history.push_back(static_cast<std::int32_t>(id));
    const std::size_t length = history.size() - prompt_size;
    if (id == kEos || length == limit) {
      const double score = next / std::pow(static_cast<double>(length), length_penalty);
      if (score > best.score) {
        best = {Tokens(history.begin() + static_cast<std::ptrdiff_t>(prompt_size), history.end()),
                score};
      }
    } else {
      search_all(settings, history, prompt_size, next, limit, length_penalty, best);
    }
    history.pop_back();
  }
}

class ExhaustiveTest : public testing::TestWithParam<std::tuple<double, std::string>> {};

TEST_P(ExhaustiveTest, IsEqualledByABeamThatHoldsAll) {
  const auto& [length_penalty, early_stopping] = GetParam();
  const auto settings = scrambled(3, 1);
  for (const std::size_t limit : {1U, 2U, 4U}) {
    // At most 3^4 sequences are alive, and 4 * 3^3 candidates compete.
    const auto chosen = beam(200, length_penalty, early_stopping);
    for (const char* prefix : {"", "a", "b", "c", "ab", "ccc"}) {
      SCOPED_TRACE(prefix + std::string(" ") + std::to_string(limit));
      Table table(settings);
      const auto outcome = run(table.model, chosen, {prompt_of(0, prefix, limit)});
      Tokens history = {0};
      for (const char letter : std::string(prefix)) history.push_back(letter - 'a' + 2);
      Best best;
      search_all(settings, history, history.size(), 0, limit, length_penalty, best);
      Tokens tokens;
      double sum = 0;
      for (const auto& record : outcome.at(0).tokens) {
        tokens.push_back(record.token);
        sum += record.log_probability;
      }
      EXPECT_EQ(tokens, best.tokens);
      // The beam adds log-probabilities that were rounded to float32.
      EXPECT_NEAR(outcome.at(0).score, best.score, 2e-6 * std::pow(4, std::abs(length_penalty)));
      EXPECT_NEAR(outcome.at(0).score,
                  sum / std::pow(static_cast<double>(tokens.size()), length_penalty),
                  2e-6 * std::pow(4, std::abs(length_penalty)));
      EXPECT_EQ(table.counts->live, 0U);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Settings, ExhaustiveTest,
                         testing::Combine(testing::Values(-1.0, 0.0, 0.6, 1.0, 2.0),
                                          testing::Values("heuristic", "first", "never")));

TEST(Beam, OfOneIsGreedy) {
  Table table(scrambled(6));
  std::vector<decode::Prompt> prompts;
  for (const char* prefix : {"", "a", "b", "cd", "fff", "deaf"}) {
    prompts.push_back(prompt_of(prompts.size(), prefix, 12));
  }
  const auto expected = run(table.model, greedy(), prompts);
  for (const char* early_stopping : {"heuristic", "first"}) {
    const auto outcome = run(table.model, beam(1, 1, early_stopping), prompts);
    for (const auto& [key, generation] : expected.generations) {
      expect_same_output(outcome.at(key.first), generation);
    }
  }
}

TEST(Beam, FindsWhatGreedyMisses) {
  // Greedy: "a" 0.6, then at best 0.4: 0.24. Two beams: "b" 0.4, then the end 0.9: 0.36.
  Table table(markov(3, {{"", {{"a", 0.6}, {"b", 0.4}}},
                         {"a", {{"a", 0.4}, {"c", 0.3}, {"", 0.3}}},
                         {"b", {{"", 0.9}, {"c", 0.1}}},
                         {"c", {{"", 1.0}}}}));
  EXPECT_EQ(run(table.model, greedy(), {prompt_of(0, "", 2)}).text(0), "aa");
  const auto outcome = run(table.model, beam(2), {prompt_of(0, "", 2)});
  EXPECT_EQ(outcome.text(0), "b");
  EXPECT_NEAR(outcome.at(0).score, std::log(0.36) / 2, 1e-6);
}

// Round 1: "a" 0.5, end 0.3, "b" 0.2: the end is finished at ln 0.3 = -1.20; "a" and "b" go on.
// Round 2: "aa" 0.3, "a" end 0.2, "b" end 0.18: "a" is finished at ln 0.2 / 2 = -0.80; "aa" goes on
// at ln 0.3 / 2 = -0.60, which beats the worst of the two. Round 3: "aa" end 0.285, /3 = -0.42.
TableSettings worth_waiting() {
  auto settings = markov(3, {});
  settings.logits = [texts = settings.texts](const Tokens&, std::span<const std::int32_t> history) {
    std::string text;
    for (const auto token : history) text += texts[static_cast<std::size_t>(token)];
    if (text.empty()) return log_of(texts, {{"a", 0.5}, {"", 0.3}, {"b", 0.2}});
    if (text == "a") return log_of(texts, {{"a", 0.6}, {"", 0.4}});
    if (text == "b") return log_of(texts, {{"", 0.9}, {"a", 0.1}});
    if (text == "aa") return log_of(texts, {{"", 0.95}, {"a", 0.05}});
    return log_of(texts, {{"", 0.5}, {"a", 0.5}});
  };
  return settings;
}

TEST(Beam, StopsAsItIsTold) {
  Table table(worth_waiting());
  const auto first = run(table.model, beam(2, 1, "first"), {prompt_of(0, "", 10)});
  EXPECT_EQ(first.text(0), "a");
  EXPECT_NEAR(first.at(0).score, std::log(0.2) / 2, 1e-6);
  const auto heuristic = run(table.model, beam(2, 1, "heuristic"), {prompt_of(0, "", 10)});
  EXPECT_EQ(heuristic.text(0), "aa");
  EXPECT_NEAR(heuristic.at(0).score, std::log(0.285) / 3, 1e-6);
}

TEST(Beam, NeverStopsWhileAnyLengthCouldWin) {
  // The end at once: ln 0.5 = -0.69. "a" 0.4, then surely the end; at penalty 2: ln 0.4 / 4 =
  // -0.23. Judged at today's length, ln 0.4 = -0.92 looks beaten.
  Table table(markov(3, {{"", {{"", 0.5}, {"a", 0.4}, {"b", 0.1}}}, {"a", {{"", 1.0}}}}));
  EXPECT_EQ(run(table.model, beam(1, 2, "heuristic"), {prompt_of(0, "", 10)}).text(0), "");
  EXPECT_EQ(run(table.model, beam(1, 2, "never"), {prompt_of(0, "", 10)}).text(0), "a");
  // Below a penalty of 0 longer sequences can only lose, so "never" need not wait.
  EXPECT_EQ(run(table.model, beam(1, -1, "never"), {prompt_of(0, "", 10)}).text(0), "");
}

TEST(Beam, OnlyTheBestCandidatesMayFinish) {
  // With two beams the end is the third candidate of the first round and is passed over, although
  // "" would have the best score at the end (ln 0.2 against ln 0.36 * 0.1 ...).
  Table table(markov(3, {{"", {{"a", 0.45}, {"b", 0.35}, {"", 0.2}}},
                         {"a", {{"a", 0.5}, {"b", 0.5}}},
                         {"b", {{"a", 0.5}, {"b", 0.5}}}}));
  const auto outcome = run(table.model, beam(2, 0), {prompt_of(0, "", 4)});
  EXPECT_EQ(outcome.at(0).tokens.size(), 4U);
  EXPECT_EQ(outcome.at(0).finish, Finish::length);
}

TEST(Beam, ComputesOneTokenABeamAndRound) {
  Table table(scrambled(6, -100));
  const auto outcome = run(table.model, beam(4), {prompt_of(0, "abc", 9)});
  EXPECT_EQ(outcome.totals.computed_tokens, 4U * 8U);
  EXPECT_EQ(table.counts->fed_tokens, 4U + 4U * 8U);
  EXPECT_EQ(table.counts->max_rows, 4U);
  // Besides the prompt's own there are never more than the old and the new beams.
  EXPECT_LE(table.counts->max_live, 1U + 2U * 4U);
  EXPECT_EQ(table.counts->live, 0U);
}

TEST(Beam, SeveralEndSymbols) {
  auto settings = markov(3, {{"", {{"a", 0.6}, {"b", 0.4}}},
                             {"a", {{"c", 0.7}, {"", 0.2}, {"b", 0.1}}},
                             {"b", {{"c", 0.5}, {"a", 0.5}}}});
  settings.eos = {kEos, 4};  // "c" ends as well
  Table table(settings);
  const auto outcome = run(table.model, beam(2), {prompt_of(0, "", 10)});
  EXPECT_EQ(outcome.at(0).finish, Finish::eos);
  EXPECT_EQ(outcome.at(0).tokens.back().token, 4);
  EXPECT_NEAR(outcome.at(0).score, std::log(0.42) / 2, 1e-6);
}

TEST(Beam, EndsAtAStopString) {
  // "ab" has 0.35 after two tokens and stops there; "ac" goes on with nothing better.
  Table table(markov(3, {{"", {{"a", 1.0}}},
                         {"a", {{"b", 0.65}, {"c", 0.35}}},
                         {"b", {{"", 0.5}, {"b", 0.5}}},
                         {"c", {{"c", 0.6}, {"", 0.4}}}}));
  const auto outcome = run(table.model, beam(2), {prompt_of(0, "", 10, {"b"})});
  EXPECT_EQ(outcome.text(0), "a");
  EXPECT_EQ(outcome.at(0).finish, Finish::stop);
  EXPECT_NEAR(outcome.at(0).score, std::log(0.65) / 2, 1e-6);
  EXPECT_EQ(table.counts->live, 0U);
}

}  // namespace
}  // namespace trellis::tests
