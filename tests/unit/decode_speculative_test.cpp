/// A strategy of several tokens a move: a speculative search gives greedy search's bytes.
#include "tests/unit/decode_fixture.hpp"

namespace trellis::tests {
namespace {

using decode::Finish;

// ---- a speculative search ---------------------------------------------------------------------

// A draft that knows nothing: after each letter the next one of the alphabet.
std::int32_t guess(std::int32_t token, std::size_t vocab_size) {
  return 2 + (token - 1) % static_cast<std::int32_t>(vocab_size - 2);
}

// Greedy search that proposes `draft_size` tokens at a time and verifies them in the next round.
class Speculative {
 public:
  explicit Speculative(std::size_t draft_size) : draft_size_(draft_size) {}

  void operator()(const trellis_view& view, trellis_answer& answer) {
    const auto& shown = view.hypotheses[0];
    // Its last row_count tokens are the block of the last move; the first of them is right.
    const std::span<const std::int32_t> tokens_shown(shown.tokens, shown.token_count);
    const auto block = tokens_shown.last(std::min(shown.row_count, shown.token_count));
    std::size_t row = 0;
    while (row + 1 < block.size() && block[row + 1] == best_of(view, 0, row)) {
      ++row;
      if (block[row] == kEos) {
        check(send(answer, 0, static_cast<std::uint32_t>(row), {}, 0, TRELLIS_FINISH_EOS));
        return;
      }
    }
    const auto place = static_cast<std::uint32_t>(row);
    if (shown.stopped != 0 && row + 1 == shown.row_count) {
      check(send(answer, 0, place, {}, 0, TRELLIS_FINISH_STOP));
      return;
    }
    const std::int32_t next = best_of(view, 0, row);
    if (next == kEos) {
      check(send(answer, 0, place, {next}, 0, TRELLIS_FINISH_EOS));
      return;
    }
    // What is not verified may not fill the length, or the host would finish with it.
    const std::size_t length = shown.token_count - (shown.row_count - 1 - row);
    const std::size_t room = view.max_new_tokens - length;
    Tokens tokens = {next};
    while (tokens.size() <= draft_size_ && tokens.size() + 1 < room) {
      const bool last = draft_size_ > 1 && tokens.size() == draft_size_;
      tokens.push_back(last ? kEos : guess(tokens.back(), view.vocab_size));
    }
    check(send(answer, 0, place, tokens));
  }

 private:
  static void check(const std::string& problem) { EXPECT_EQ(problem, ""); }
  std::size_t draft_size_;
};

plugin::Strategy speculative(std::size_t draft_size) {
  return scripted([draft_size] { return Speculative(draft_size); });
}

class SpeculativeTest : public testing::TestWithParam<std::size_t> {};

// The letters after each history are the alphabet in three of four cases, so that drafts are
// accepted now and then, in whole and in part.
TableSettings half_predictable() {
  auto settings = scrambled(5);
  const auto wild = settings.logits;
  settings.logits = [wild](const Tokens& encoder, std::span<const std::int32_t> history) {
    auto logits = wild(encoder, history);
    const bool tame = logits[3] > -1;
    if (tame && history.size() > 1) {
      logits[static_cast<std::size_t>(guess(history.back(), logits.size()))] = 3;
    }
    return logits;
  };
  return settings;
}

TEST_P(SpeculativeTest, EqualsGreedyToTheBit) {
  std::vector<decode::Prompt> prompts;
  for (const char* prefix : {"", "a", "ab", "c", "dd", "e", "ea", "bcd", "cc", "ace", "bad", "d"}) {
    for (const std::size_t limit : {1U, 2U, 3U, 4U, 5U, 24U}) {
      prompts.push_back(prompt_of(prompts.size(), prefix, limit));
      prompts.push_back(prompt_of(prompts.size(), prefix, limit, {"cde", "ee"}));
    }
  }
  Table plain(half_predictable());
  Table drafted(half_predictable());
  const auto expected = run(plain.model, greedy(), prompts);
  const auto outcome = run(drafted.model, arm(speculative(GetParam())), prompts);
  ASSERT_TRUE(outcome.failures.empty()) << outcome.failures.begin()->second;
  std::map<Finish, int> seen;
  for (const auto& [key, generation] : expected.generations) {
    SCOPED_TRACE("prompt " + std::to_string(key.first));
    expect_same_output(outcome.at(key.first), generation);
    ++seen[generation.finish];
  }
  EXPECT_EQ(seen.size(), 3U) << "the table should lead to end, stop and length";
  EXPECT_LT(drafted.counts->feeds, plain.counts->feeds) << "no draft was ever accepted";
  EXPECT_EQ(drafted.counts->live, 0U);
}

INSTANTIATE_TEST_SUITE_P(Drafts, SpeculativeTest, testing::Values(1U, 2U, 3U, 7U));

// ---- a search that rewrites -------------------------------------------------------------------

// Greedy decoding by Jacobi iteration (Santilli et al. 2023): a block of guesses is fed, every
// place is rewritten by what the model expects there, and again, until nothing changes.
class Jacobi {
 public:
  explicit Jacobi(std::size_t block_size) : block_size_(block_size) {}

  void operator()(const trellis_view& view, trellis_answer& answer) {
    const auto& shown = view.hypotheses[0];
    const std::size_t rows = shown.row_count;
    const std::span<const std::int32_t> tokens(shown.tokens, shown.token_count);
    const auto block = tokens.last(std::min(rows, tokens.size()));
    Tokens better;
    for (std::size_t row = 0; row + 1 < block.size(); ++row) {
      better.push_back(best_of(view, 0, row));
    }
    const bool settled = block.empty() || std::equal(better.begin(), better.end(), &block[1]);
    if (!settled) {
      EXPECT_EQ(send(answer, 0, 0, better, 0, std::nullopt, 1), "");
      return;
    }
    const auto end = std::find(block.begin(), block.end(), kEos);
    if (end != block.end()) {
      const auto row = static_cast<std::uint32_t>(end - block.begin());
      EXPECT_EQ(send(answer, 0, row, {}, 0, TRELLIS_FINISH_EOS), "");
      return;
    }
    const auto last = static_cast<std::uint32_t>(rows - 1);
    const std::int32_t next = best_of(view, 0, last);
    if (next == kEos) {
      EXPECT_EQ(send(answer, 0, last, {next}, 0, TRELLIS_FINISH_EOS), "");
      return;
    }
    // A block that fills the length would be finished before it has settled.
    Tokens fresh = {next};
    while (fresh.size() < block_size_ && fresh.size() + 1 < view.remaining) fresh.push_back(2);
    EXPECT_EQ(send(answer, 0, last, fresh), "");
  }

 private:
  std::size_t block_size_;
};

TEST(Search, MayRewriteABlockUntilItSettles) {
  std::vector<decode::Prompt> prompts;
  for (const char* prefix : {"", "a", "ab", "c", "dd", "e", "ea", "bcd"}) {
    for (const std::size_t limit : {1U, 2U, 3U, 9U, 24U}) {
      prompts.push_back(prompt_of(prompts.size(), prefix, limit));
    }
  }
  Table plain(half_predictable());
  const auto expected = run(plain.model, greedy(), prompts);
  for (const std::size_t size : {1U, 2U, 5U, 8U}) {
    Table table(half_predictable());
    const auto chosen = arm(scripted([size] { return Jacobi(size); }));
    const auto outcome = run(table.model, chosen, prompts);
    ASSERT_TRUE(outcome.failures.empty()) << outcome.failures.begin()->second;
    for (const auto& [key, generation] : expected.generations) {
      SCOPED_TRACE("prompt " + std::to_string(key.first));
      expect_same_output(outcome.at(key.first), generation);
    }
    EXPECT_EQ(table.counts->live, 0U);
  }
}

TEST(Search, AStopStringThatIsRewrittenDoesNotEnd) {
  // A block of guesses "aaa" is the stop string; the model says "abe" and the end.
  Table table(spelling(letters(5), {2, 3, 6}));
  const auto chosen = arm(scripted([] { return Jacobi(3); }));
  const auto outcome = run(table.model, chosen, {prompt_of(0, "", 20, {"aaa"})});
  EXPECT_EQ(outcome.text(0), "abe");
  EXPECT_EQ(outcome.at(0).finish, Finish::eos);
}

TEST(Search, AStopStringThatIsRejectedDoesNotEnd) {
  // The draft says "abcd", the model "ab" then "e" and the end.
  Table table(spelling(letters(5), {2, 3, 6}));
  const auto outcome = run(table.model, arm(speculative(4)), {prompt_of(0, "", 20, {"bc"})});
  EXPECT_EQ(outcome.text(0), "abe");
  EXPECT_EQ(outcome.at(0).finish, Finish::eos);
}

TEST(Search, WhatIsMovedOnFromAStopStringIsDropped) {
  Table table(spelling(letters(5), {2, 3, 4, 5, 6}));
  const auto blind = [] {
    return [](const trellis_view& view, trellis_answer& answer) {
      const auto row = static_cast<std::uint32_t>(view.hypotheses[0].row_count - 1);
      send(answer, 0, row, {best_of(view, 0, row)}, 0.5);
    };
  };
  const auto outcome = run(table.model, arm(scripted(blind)), {prompt_of(0, "", 9, {"bc"})});
  EXPECT_EQ(outcome.text(0), "a");
  EXPECT_EQ(outcome.at(0).tokens.size(), 3U);
  EXPECT_EQ(outcome.at(0).finish, Finish::stop);
  EXPECT_EQ(outcome.at(0).score, 0.5);
}

}  // namespace
}  // namespace trellis::tests
