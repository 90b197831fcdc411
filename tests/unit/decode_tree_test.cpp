/// The token tree: arms that share prefixes get the bytes that they get alone, and only what they
/// do not share is computed.
#include "tests/unit/decode_fixture.hpp"

namespace trellis::tests {
namespace {

std::vector<decode::Prompt> prompts_of(std::size_t limit) {
  std::vector<decode::Prompt> prompts;
  for (const char* prefix : {"", "a", "abc", "fade", "b", "cab", "bead"}) {
    prompts.push_back(prompt_of(prompts.size(), prefix, limit));
  }
  return prompts;
}

decode::Arm sampling(double temperature, std::int64_t k) {
  auto made = arm(strategy("sample"));
  made.processors.push_back(processor("temperature", {{"temperature", temperature}}));
  made.processors.push_back(processor("top_k", {{"k", k}}));
  return made;
}

// Moves by two tokens at a time, the second a guess that is taken back when it was wrong.
plugin::Strategy guessing() {
  return scripted([]() -> Advance {
    return [](const trellis_view& view, trellis_answer& answer) {
      const auto& shown = view.hypotheses[0];
      std::uint32_t row = 0;
      if (shown.row_count > 1 && shown.tokens[shown.token_count - 1] == best_of(view, 0, 0))
        row = 1;
      const std::int32_t next = best_of(view, 0, row);
      const std::size_t length = shown.token_count - (shown.row_count - 1 - row);
      if (next == kEos) {
        EXPECT_EQ(send(answer, 0, row, {next}, 0, TRELLIS_FINISH_EOS), "");
      } else if (length + 3 > view.max_new_tokens) {
        EXPECT_EQ(send(answer, 0, row, {next}), "");
      } else {
        EXPECT_EQ(send(answer, 0, row, {next, 3}), "");
      }
    };
  });
}

std::vector<decode::Arm> sweep() {
  std::vector<decode::Arm> arms;
  arms.push_back(greedy());
  arms.push_back(sampling(1.0, 3));
  arms.push_back(sampling(0.7, 3));
  arms.push_back(arm(strategy("beam", {{"num_beams", 3}})));
  arms.push_back(arm(guessing()));
  return arms;
}

void expect_equal_outcomes(const Outcome& a, const Outcome& b) {
  EXPECT_TRUE(a.failures.empty());
  EXPECT_TRUE(b.failures.empty());
  ASSERT_EQ(a.generations.size(), b.generations.size());
  for (const auto& [key, generation] : a.generations) {
    SCOPED_TRACE("prompt " + std::to_string(key.first));
    expect_same_output(generation, b.at(key.first, key.second));
    EXPECT_EQ(generation.score, b.at(key.first, key.second).score);
  }
}

class SweepTest : public testing::TestWithParam<std::tuple<std::size_t, bool>> {};

TEST_P(SweepTest, GivesEveryArmTheBytesThatItGetsAlone) {
  const auto prompts = prompts_of(14);
  const auto arms = sweep();
  decode::GenerateOptions options;
  std::tie(options.max_batch, options.share) = GetParam();
  Table together(scrambled(6));
  const auto requests = decode::every_sample(arms, prompts.size(), 4, 11);
  const auto outcomes = run_arms(together.model, arms, prompts, requests, options);
  EXPECT_EQ(together.counts->live, 0U);
  for (std::size_t i = 0; i < arms.size(); ++i) {
    SCOPED_TRACE("arm " + std::to_string(i));
    Table alone(scrambled(6));
    RunOptions one;
    one.samples = 4;
    one.seed = 11;
    expect_equal_outcomes(outcomes[i], run(alone.model, arms[i], prompts, one));
  }
}

INSTANTIATE_TEST_SUITE_P(Batches, SweepTest,
                         testing::Combine(testing::Values(1U, 2U, 7U, 32U, 256U), testing::Bool()));

TEST(Sweep, CountsWhatTheModelWasFed) {
  const auto prompts = prompts_of(14);
  const auto arms = sweep();
  const auto requests = decode::every_sample(arms, prompts.size(), 4, 11);
  for (const bool share : {false, true}) {
    Table table(scrambled(6));
    decode::GenerateOptions options;
    options.max_batch = 64;
    options.share = share;
    const auto totals = run_arms(table.model, arms, prompts, requests, options).front().totals;
    EXPECT_EQ(table.counts->fed_tokens, totals.prompt_tokens + totals.computed_tokens);
    EXPECT_LE(table.counts->max_items, 64U);
    double prompt_tokens = 0;
    double computed_tokens = 0;
    double seconds = 0;
    std::uint64_t delivered_tokens = 0;
    for (const auto& part : totals.arms) {
      prompt_tokens += part.prompt_tokens;
      computed_tokens += part.computed_tokens;
      delivered_tokens += part.delivered_tokens;
      seconds += part.seconds;
    }
    // Sums of a few thousand parts in doubles.
    EXPECT_NEAR(prompt_tokens, static_cast<double>(totals.prompt_tokens), 1e-9 * prompt_tokens);
    EXPECT_NEAR(computed_tokens, static_cast<double>(totals.computed_tokens),
                1e-9 * computed_tokens);
    EXPECT_NEAR(seconds, totals.seconds, 1e-9 * seconds);
    EXPECT_EQ(delivered_tokens, totals.delivered_tokens);
    EXPECT_EQ(totals.prompt_tokens_saved > 0, share);
    EXPECT_EQ(totals.computed_tokens_saved > 0, share);
  }
}

TEST(Sweep, ReadsAPromptOnceAndComputesASharedPrefixOnce) {
  const auto prompts = prompts_of(12);
  std::vector<decode::Arm> arms;
  for (int i = 0; i < 5; ++i) arms.push_back(greedy());
  Table one(scrambled(6));
  const auto expected = run(one.model, arms[0], prompts);
  Table five(scrambled(6));
  const auto requests = decode::every_sample(arms, prompts.size(), 1, 0);
  const auto outcomes = run_arms(five.model, arms, prompts, requests, {.max_batch = 100});
  for (const auto& outcome : outcomes) expect_equal_outcomes(outcome, expected);
  EXPECT_EQ(five.counts->fed_tokens, one.counts->fed_tokens);
  EXPECT_EQ(five.counts->opened, prompts.size());
  EXPECT_EQ(five.counts->forked, 0U) << "the only user of a state takes it over";
  const auto& totals = outcomes[0].totals;
  EXPECT_EQ(totals.prompt_tokens_saved, 4 * totals.prompt_tokens);
  EXPECT_EQ(totals.computed_tokens_saved, 4 * totals.computed_tokens);
}

TEST(Sweep, KeepsAPromptForTheSamplesThatComeLater) {
  Table table(scrambled(6));
  const auto arms = sweep();
  const auto requests = decode::every_sample(arms, 1, 10, 3);
  const auto outcomes =
      run_arms(table.model, arms, {prompt_of(0, "abcdef", 8)}, requests, {.max_batch = 3});
  EXPECT_EQ(table.counts->opened, 1U);
  EXPECT_EQ(outcomes[0].totals.prompt_tokens, 7U);
  EXPECT_EQ(outcomes[0].totals.prompt_tokens_saved, 7 * (requests.size() - 1));
  EXPECT_EQ(table.counts->live, 0U);
}

// Neighbouring settings under the same noise mostly choose alike, so they share more of the tree.
TEST(Sweep, CommonRandomNumbersShareMoreThanIndependentOnes) {
  std::vector<decode::Arm> arms;
  for (const double temperature : {0.8, 0.9, 1.0, 1.1}) arms.push_back(sampling(temperature, 6));
  const auto prompts = prompts_of(20);
  std::uint64_t computed[2];
  for (const bool coupled : {false, true}) {
    auto requests = decode::every_sample(arms, prompts.size(), 5, 1);
    for (auto& request : requests) request.stream = coupled ? 0 : request.arm + 1;
    Table table(scrambled(6));
    const auto outcomes = run_arms(table.model, arms, prompts, requests, {.max_batch = 1000});
    computed[coupled ? 1 : 0] = outcomes[0].totals.computed_tokens;
  }
  EXPECT_LT(computed[1] * 3, computed[0] * 2);
}

TEST(Sweep, TheFailureOfAnArmIsItsOwn) {
  std::vector<decode::Arm> arms;
  arms.push_back(greedy());
  arms.push_back(arm(scripted([]() -> Advance {
    return [](const trellis_view& view, trellis_answer& answer) {
      const auto row = static_cast<std::uint32_t>(view.hypotheses[0].row_count - 1);
      send(answer, view.round == 2 ? 9 : 0, row, {best_of(view, 0, row)});
    };
  })));
  Table table(scrambled(6, -100));
  const auto prompts = prompts_of(9);
  const auto requests = decode::every_sample(arms, prompts.size(), 1, 0);
  const auto outcomes = run_arms(table.model, arms, prompts, requests);
  EXPECT_EQ(outcomes[0].generations.size(), prompts.size());
  EXPECT_EQ(outcomes[1].failures.size(), prompts.size());
  EXPECT_EQ(table.counts->live, 0U);
}

// A draft may reach far beyond what others have: long paths must neither recurse nor leak.
TEST(Tree, LongPathsAreFreedWithoutRecursion) {
  auto root = decode::TreeNode::root({0}, {});
  auto node = root;
  for (int i = 0; i < 1'000'000; ++i) node = decode::TreeNode::child(node, 2);
  EXPECT_EQ(node->depth(), 1'000'000U);
  const std::weak_ptr<decode::TreeNode> last = node;
  node = root;
  EXPECT_TRUE(last.expired());
  EXPECT_EQ(decode::TreeNode::child(root, 2)->depth(), 1U);
}

TEST(Tree, ChildrenOfATokenAreOneWhileOneIsAlive) {
  const auto root = decode::TreeNode::root({0}, {});
  auto child = decode::TreeNode::child(root, 5);
  EXPECT_EQ(decode::TreeNode::child(root, 5), child);
  EXPECT_NE(decode::TreeNode::child(root, 6), child);
  const auto grandchild = decode::TreeNode::child(child, 5);
  child.reset();  // it lives on through the one below
  EXPECT_EQ(decode::TreeNode::child(decode::TreeNode::child(root, 5), 5), grandchild);
}

}  // namespace
}  // namespace trellis::tests
