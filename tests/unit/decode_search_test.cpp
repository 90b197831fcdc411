/// What a strategy may answer and what it may not: finishes of several tokens, hidden vectors, and
/// every way to break the contract.
#include <cstddef>

#include "tests/unit/decode_fixture.hpp"

namespace trellis::tests {
namespace {

using decode::Finish;

// ---- finishes of several tokens ---------------------------------------------------------------

// Says at once what greedy search would say: in one finish, or in a move and a finish.
plugin::Strategy reciting(Tokens tokens, std::size_t first, trellis_finish_reason reason) {
  return scripted([=]() -> Advance {
    return [=](const trellis_view& view, trellis_answer& answer) {
      const auto row = static_cast<std::uint32_t>(view.hypotheses[0].row_count - 1);
      const auto border = tokens.begin() + static_cast<std::ptrdiff_t>(first);
      if (view.round == 0 && first > 0) {
        EXPECT_EQ(send(answer, 0, row, {tokens.begin(), border}), "");
      } else {
        EXPECT_EQ(send(answer, 0, row, {border, tokens.end()}, 0, reason), "");
      }
    };
  });
}

TEST(Search, FinishesWithSeveralTokensAreRecordedAsIfOneByOne) {
  Table table(scrambled(5));
  const auto prompt = prompt_of(0, "abc", 40);
  const auto expected = run(table.model, greedy(), {prompt});
  ASSERT_EQ(expected.at(0).finish, Finish::eos);
  Tokens tokens;
  for (const auto& record : expected.at(0).tokens) tokens.push_back(record.token);
  ASSERT_GT(tokens.size(), 3U);
  for (std::size_t first = 0; first < tokens.size(); ++first) {
    SCOPED_TRACE(first);
    const auto before = *table.counts;
    const auto chosen = arm(reciting(tokens, first, TRELLIS_FINISH_EOS));
    expect_same_output(run(table.model, chosen, {prompt}).at(0), expected.at(0));
    // The last token judges nothing and is not fed.
    EXPECT_EQ(table.counts->fed_tokens - before.fed_tokens, 4 + tokens.size() - 1);
  }
  EXPECT_EQ(table.counts->live, 0U);
}

TEST(Search, AStopStringInsideAMoveCutsIt) {
  Table table(spelling(letters(5), {2, 3, 4, 5, 6}));
  const auto prompt = prompt_of(0, "", 40, {"bc"});
  const auto expected = run(table.model, greedy(), {prompt});
  for (std::size_t first = 0; first < 5; ++first) {
    const auto chosen = arm(reciting({2, 3, 4, 5, 6}, first, TRELLIS_FINISH_STRATEGY));
    const auto outcome = run(table.model, chosen, {prompt});
    ASSERT_TRUE(outcome.failures.empty()) << outcome.failures.begin()->second;
    if (first < 3) expect_same_output(outcome.at(0), expected.at(0));
    EXPECT_EQ(outcome.text(0), "a");
    EXPECT_EQ(outcome.at(0).finish, Finish::stop);
  }
}

TEST(Search, LogitsThatAreNoDistributionInsideAFinishAreAFailure) {
  auto settings = scrambled(5);
  const auto good = settings.logits;
  settings.logits = [good](const Tokens& encoder, std::span<const std::int32_t> history) {
    auto logits = good(encoder, history);
    if (history.size() == 3) logits[4] = NAN;
    return logits;
  };
  Table table(settings);
  const auto chosen = arm(reciting({2, 3, 4, kEos}, 0, TRELLIS_FINISH_EOS));
  const auto outcome = run(table.model, chosen, {prompt_of(0, "", 9)});
  ASSERT_EQ(outcome.failures.size(), 1U);
  EXPECT_EQ(outcome.failures.at({0, 0}),
            "the model gave no usable logits after 2 tokens: NaN, infinity, or nothing but "
            "-infinity");
  EXPECT_EQ(table.counts->live, 0U);
}

TEST(Search, TheBestScoreWinsAndOfEqualsTheFirst) {
  Table table(scrambled(5));
  const auto chosen = arm(scripted([] {
    return [](const trellis_view&, trellis_answer& answer) {
      send(answer, 0, 0, {2}, -3, TRELLIS_FINISH_STRATEGY);
      send(answer, 0, 0, {3}, -1, TRELLIS_FINISH_STRATEGY);
      send(answer, 0, 0, {4}, -1, TRELLIS_FINISH_STRATEGY);
    };
  }));
  const auto outcome = run(table.model, chosen, {prompt_of(0, "", 9)});
  EXPECT_EQ(outcome.text(0), "b");
  EXPECT_EQ(outcome.at(0).score, -1);
  EXPECT_EQ(outcome.at(0).finish, Finish::strategy);
}

TEST(Search, MayFinishWithNothing) {
  Table table(scrambled(5));
  const auto chosen = arm(scripted([] {
    return [](const trellis_view&, trellis_answer& answer) {
      send(answer, 0, 0, {}, 0, TRELLIS_FINISH_STRATEGY);
    };
  }));
  const auto outcome = run(table.model, chosen, {prompt_of(0, "", 9)});
  EXPECT_EQ(outcome.text(0), "");
  EXPECT_TRUE(outcome.at(0).tokens.empty());
}

TEST(Search, AMoveInTheLastRoundIsFinished) {
  Table table(scrambled(5));
  const auto chosen = arm(scripted([] {
    return [](const trellis_view& view, trellis_answer& answer) {
      EXPECT_EQ(view.remaining, view.max_new_tokens - view.hypotheses[0].token_count);
      EXPECT_EQ(view.last_round != 0, view.remaining == 1);
      const auto row = static_cast<std::uint32_t>(view.hypotheses[0].row_count - 1);
      send(answer, 0, row, view.round == 0 ? Tokens{2, 3} : Tokens{4}, 1.5);
    };
  }));
  const auto outcome = run(table.model, chosen, {prompt_of(0, "", 4)});
  EXPECT_EQ(outcome.text(0), "abcc");
  EXPECT_EQ(outcome.at(0).finish, Finish::length);
  EXPECT_EQ(outcome.at(0).score, 1.5);
}

// ---- the view ---------------------------------------------------------------------------------

TEST(View, ShowsPromptHiddenVectorsAndNoise) {
  Table table(scrambled(5));
  const auto chosen = arm(scripted(
      [] {
        return [](const trellis_view& view, trellis_answer& answer) {
          EXPECT_EQ(view.struct_size, sizeof view);
          EXPECT_EQ(Tokens(view.prompt, view.prompt + view.prompt_count), (Tokens{0, 2, 3}));
          EXPECT_EQ(Tokens(view.eos, view.eos + view.eos_count), Tokens{kEos});
          ASSERT_EQ(view.hidden_size, 1U);
          const auto& shown = view.hypotheses[0];
          ASSERT_NE(shown.hidden, nullptr);
          for (std::size_t row = 0; row < shown.row_count; ++row) {
            // The table's hidden vector is the number of tokens read so far.
            const auto read = 3 + shown.token_count - (shown.row_count - 1 - row);
            EXPECT_EQ(shown.hidden[row], static_cast<float>(read));
          }
          std::vector<float> expected(view.vocab_size);
          decode::gumbel_noise({5, 77, 0}, view.round, expected);
          std::vector<float> noise(view.vocab_size);
          view.noise->gumbel(view.noise->context, view.round, noise.data(), noise.size());
          EXPECT_EQ(noise, expected);
          EXPECT_EQ(view.noise->uniform(view.noise->context, view.round, 3),
                    decode::uniform_noise({5, 77, 0}, view.round, 3));
          const auto row = static_cast<std::uint32_t>(shown.row_count - 1);
          send(answer, 0, row, view.round == 0 ? Tokens{2, 3, 4} : Tokens{3});
        };
      },
      {.hidden = true}));
  RunOptions options;
  options.seed = 5;
  const auto outcome = run(table.model, chosen, {prompt_of(77, "ab", 6)}, options);
  EXPECT_EQ(outcome.text(0), "abcbbb");
}

TEST(View, ShowsHiddenVectorsOfTheWholePrompt) {
  for (const std::size_t feed_tokens : {1U, 2U, 512U}) {
    Table table(scrambled(5, -100));
    const auto chosen = arm(scripted(
        [] {
          return [](const trellis_view& view, trellis_answer& answer) {
            ASSERT_EQ(view.prompt_count, 5U);
            ASSERT_NE(view.prompt_hidden, nullptr);
            const std::vector<float> hidden(view.prompt_hidden, view.prompt_hidden + 5);
            EXPECT_EQ(hidden, (std::vector<float>{1, 2, 3, 4, 5}));
            send(answer, 0, 0, {best_of(view, 0, 0)});
          };
        },
        {.prompt_hidden = true}));
    RunOptions options;
    options.feed_tokens = feed_tokens;
    const auto outcome = run(table.model, chosen, {prompt_of(0, "abcd", 3)}, options);
    Table plain(scrambled(5, -100));
    expect_same_output(outcome.at(0), run(plain.model, greedy(), {prompt_of(0, "abcd", 3)}).at(0));
    EXPECT_EQ(table.counts->fed_tokens, plain.counts->fed_tokens);
  }
}

TEST(View, OffersNormalisedScoresToThoseWhoAsk) {
  Table table(scrambled(5));
  for (const bool normalised : {false, true}) {
    auto chosen = arm(scripted(
        [normalised] {
          return [normalised](const trellis_view& view, trellis_answer& answer) {
            const auto& shown = view.hypotheses[0];
            double sum = 0;
            for (std::size_t i = 0; i < view.vocab_size; ++i) sum += std::exp(shown.scores[i]);
            // top_k 1 leaves one token, whose log-probability is not zero: it was not renormalised.
            EXPECT_EQ(sum < 1, normalised);
            send(answer, 0, 0, {best_of(view, 0, 0)}, 0, TRELLIS_FINISH_STRATEGY);
          };
        },
        {.processors_see_log_probabilities = normalised}));
    chosen.processors.push_back(processor("top_k", {{"k", 1}}));
    EXPECT_TRUE(run(table.model, chosen, {prompt_of(0, "", 6)}).failures.empty());
  }
}

TEST(View, HypothesesAreTheMovesInOrder) {
  Table table(scrambled(5));
  const auto chosen = arm(scripted([] {
    return [](const trellis_view& view, trellis_answer& answer) {
      if (view.round == 0) {
        for (const std::int32_t token : {4, 2, 3}) send(answer, 0, 0, {token}, token);
        return;
      }
      ASSERT_EQ(view.hypothesis_count, 3U);
      const std::int32_t tokens[] = {4, 2, 3};
      for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(view.hypotheses[i].tokens[0], tokens[i]);
        EXPECT_EQ(view.hypotheses[i].score, tokens[i]);
      }
      send(answer, 1, 0, {5, 5}, 0, TRELLIS_FINISH_STRATEGY);
    };
  }));
  EXPECT_EQ(run(table.model, chosen, {prompt_of(0, "", 6)}).text(0), "add");
}

// ---- broken answers ---------------------------------------------------------------------------

struct BadAnswer {
  const char* what;
  std::function<void(trellis_answer&)> answer;
  std::string message;
};

void PrintTo(const BadAnswer& bad, std::ostream* out) {
  *out << bad.what;
}

class BadAnswerTest : public testing::TestWithParam<BadAnswer> {};

// The answer is given in the second round, to one hypothesis of one row, with 4 tokens to go; only
// the second of three prompts gets it.
TEST_P(BadAnswerTest, FailsThatSampleWithOneLine) {
  Table table(scrambled(5, -100));
  const auto chosen = arm(scripted([] {
    return [](const trellis_view& view, trellis_answer& answer) {
      if (view.round == 1 && view.prompt_count == 2) {
        GetParam().answer(answer);
      } else {
        send(answer, 0, 0, {best_of(view, 0, 0)});
      }
    };
  }));
  const auto outcome =
      run(table.model, chosen, {prompt_of(0, "", 5), prompt_of(1, "a", 5), prompt_of(2, "aa", 5)});
  EXPECT_EQ(outcome.generations.size(), 2U);
  ASSERT_EQ(outcome.failures.size(), 1U);
  EXPECT_EQ(outcome.failures.at({1, 0}), "strategy advance: " + GetParam().message);
  EXPECT_EQ(table.counts->live, 0U);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, BadAnswerTest,
    testing::Values(
        BadAnswer{"parent", [](auto& answer) { send(answer, 1, 0, {2}); },
                  "move 1 of the answer: parent 1 of 1 hypotheses"},
        BadAnswer{"great parent", [](auto& answer) { send(answer, 0xffffffff, 0, {2}); },
                  "move 1 of the answer: parent 4294967295 of 1 hypotheses"},
        BadAnswer{"row", [](auto& answer) { send(answer, 0, 1, {2}); },
                  "move 1 of the answer: row 1 of 1 rows"},
        BadAnswer{"token",
                  [](auto& answer) {
                    send(answer, 0, 0, {2, 7});
                  },
                  "move 1 of the answer: token 7 is outside the vocabulary of 7"},
        BadAnswer{"negative token", [](auto& answer) { send(answer, 0, 0, {-1}); },
                  "move 1 of the answer: token -1 is outside the vocabulary of 7"},
        BadAnswer{"length",
                  [](auto& answer) {
                    send(answer, 0, 0, {2, 2, 2, 2, 2});
                  },
                  "move 1 of the answer: 5 tokens where only 4 have room"},
        BadAnswer{"finish of this length",
                  [](auto& answer) {
                    send(answer, 0, 0, {2, 2, 2, 2, 2}, 0, TRELLIS_FINISH_STRATEGY);
                  },
                  "finish 1 of the answer: 5 tokens where only 4 have room"},
        BadAnswer{"again", [](auto& answer) { send(answer, 0, 0, {2}, 0, std::nullopt, 1); },
                  "move 1 of the answer: 1 tokens again where 0 may be"},
        BadAnswer{"no token", [](auto& answer) { send(answer, 0, 0, {}); },
                  "move 1 of the answer: it has no token"},
        BadAnswer{"score", [](auto& answer) { send(answer, 0, 0, {2}, NAN); },
                  "move 1 of the answer: its score is not a number"},
        BadAnswer{"reason",
                  [](auto& answer) { send(answer, 0, 0, {2}, 0, trellis_finish_reason{9}); },
                  "finish 1 of the answer: reason 9 is none"},
        BadAnswer{"end", [](auto& answer) { send(answer, 0, 0, {2}, 0, TRELLIS_FINISH_EOS); },
                  "finish 1 of the answer: ends by an end symbol, but its last token is 2"},
        BadAnswer{"the first of several counts",
                  [](auto& answer) {
                    send(answer, 0, 0, {2});
                    send(answer, 0, 0, {99});
                    send(answer, 5, 0, {2});
                  },
                  "move 2 of the answer: token 99 is outside the vocabulary of 7"},
        BadAnswer{"nothing", [](auto&) {}, "ended without a finished sequence"},
        BadAnswer{"null tokens",
                  [](auto& answer) {
                    const trellis_move move{sizeof(trellis_move), 0, 0, nullptr, 3, 0, 0, 0};
                    trellis_error error{};
                    error.struct_size = sizeof error;
                    answer.move(answer.context, &move, &error);
                  },
                  "move 1 of the answer: tokens are null"},
        BadAnswer{"rescore of nothing",
                  [](auto& answer) {
                    trellis_error error{};
                    error.struct_size = sizeof error;
                    send(answer, 0, 0, {2}, 0, TRELLIS_FINISH_STRATEGY);
                    answer.rescore(answer.context, 1, 0, &error);
                  },
                  "rescore of finish 1 of 1"},
        BadAnswer{"rescore by no number",
                  [](auto& answer) {
                    trellis_error error{};
                    error.struct_size = sizeof error;
                    send(answer, 0, 0, {2}, 0, TRELLIS_FINISH_STRATEGY);
                    answer.rescore(answer.context, 0, NAN, &error);
                  },
                  "rescore of finish 0: its score is not a number"},
        BadAnswer{"small struct",
                  [](auto& answer) {
                    trellis_move move{};
                    move.struct_size = 4;
                    trellis_error error{};
                    error.struct_size = sizeof error;
                    answer.move(answer.context, &move, &error);
                  },
                  "move 1 of the answer: its struct_size is 4, at least " +
                      std::to_string(offsetof(trellis_move, again)) + " is needed"},
        BadAnswer{"too many",
                  [](auto& answer) {
                    for (int i = 0; i < 5000; ++i) send(answer, 0, 0, {2});
                  },
                  "move 4097 of the answer: more than 4096 in one round"},
        BadAnswer{"exception",
                  [](auto&) { throw sdk::Failure(TRELLIS_INTERNAL, "no idea what to do"); },
                  "no idea what to do"}),
    [](const auto& info) { return std::to_string(info.index); });

TEST(Rescore, DecidesAfterAll) {
  Table table(scrambled(5));
  const auto chosen = arm(scripted([] {
    return [](const trellis_view& view, trellis_answer& answer) {
      trellis_error error{};
      error.struct_size = sizeof error;
      if (view.round == 0) {
        send(answer, 0, 0, {2, 3}, 5, TRELLIS_FINISH_STRATEGY);
        send(answer, 0, 0, {3}, 1, TRELLIS_FINISH_STRATEGY);
        send(answer, 0, 0, {4});
        return;
      }
      EXPECT_EQ(answer.rescore(answer.context, 0, -INFINITY, &error), TRELLIS_OK);
      send(answer, 0, 0, {2}, 1, TRELLIS_FINISH_STRATEGY);
      EXPECT_EQ(answer.rescore(answer.context, 2, 3, &error), TRELLIS_OK);
    };
  }));
  RunOptions options;
  options.runners_up = 5;
  const auto outcome = run(table.model, chosen, {prompt_of(0, "", 9)}, options);
  EXPECT_EQ(outcome.text(0), "ca");
  EXPECT_EQ(outcome.at(0).score, 3);
  ASSERT_EQ(outcome.at(0).runners_up.size(), 2U);
  EXPECT_EQ(outcome.at(0).runners_up[0].tokens, Tokens{3});
  EXPECT_EQ(outcome.at(0).runners_up[1].score, -INFINITY);
}

TEST(Failures, ASearchThatCannotBeOpenedFailsItsSample) {
  Table table(scrambled(5));
  auto opened = std::make_shared<int>(0);
  const auto chosen = arm(scripted(
      [opened]() -> Advance {
        if (++*opened == 2) throw sdk::Failure(TRELLIS_OUT_OF_MEMORY, "no memory");
        return [](const trellis_view& view, trellis_answer& answer) {
          send(answer, 0, 0, {best_of(view, 0, 0)});
        };
      },
      {.stochastic = true}));
  RunOptions options;
  options.samples = 3;
  const auto outcome = run(table.model, chosen, {prompt_of(0, "", 5)}, options);
  EXPECT_EQ(outcome.generations.size(), 2U);
  EXPECT_EQ(outcome.failures.at({0, 1}), "strategy open_search: no memory");
  EXPECT_EQ(table.counts->live, 0U);
}

TEST(Failures, ProcessorsThatLeaveNothing) {
  Table table(scrambled(5));
  static const auto forbid = [](const trellis_logits_processor*, const trellis_sequence* sequence,
                                float* logits, std::size_t count, trellis_error*) {
    if (sequence->token_count == 2) std::fill_n(logits, count, -INFINITY);
    return trellis_status{TRELLIS_OK};
  };
  auto* made = new trellis_logits_processor{
      sizeof(trellis_logits_processor), nullptr,
      [](trellis_logits_processor* processor) { delete processor; }, forbid, nullptr};
  auto chosen = arm(scripted([] {
    return [](const trellis_view& view, trellis_answer& answer) {
      const auto row = static_cast<std::uint32_t>(view.hypotheses[0].row_count - 1);
      send(answer, 0, row, {2});
    };
  }));
  chosen.processors.emplace_back(made, 100);
  const auto outcome = run(table.model, chosen, {prompt_of(0, "", 5)});
  EXPECT_EQ(outcome.failures.at({0, 0}), "after 2 tokens the processors left no token to choose");
}

}  // namespace
}  // namespace trellis::tests
