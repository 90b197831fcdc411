/// Masked prediction: mask-predict and Gibbs sampling by hand and against exact distributions, the
/// rules of blocks, pseudo-log-likelihood.
#include "core/decode/embedding.hpp"
#include "core/decode/explanation.hpp"
#include "core/decode/likelihood.hpp"
#include "tests/unit/decode_fixture.hpp"

namespace trellis::tests {
namespace {

constexpr std::int32_t kMask = 0;

using Row = std::vector<double>;  // probabilities of "_", "a", "b" ...

struct GapSettings {
  std::size_t letters = 2;
  std::optional<std::size_t> max_context;
  Row lengths = {0, 0, 1};      // of 0, 1, 2 ... tokens
  std::size_t hidden_size = 0;  // or 1: the vector of a place is its token and 10 for each after it
  // What is expected at a place of the block.
  std::function<Row(const Tokens& text, const Tokens& block, std::size_t place)> expected;
};

/// Fills the gap "_" of a text of single letters.
class GapModel final : public sdk::Model {
 public:
  explicit GapModel(GapSettings settings) : settings_(std::move(settings)) {}

  sdk::Json describe() const override {
    return {{"vocab_size", settings_.letters + 1},
            {"hidden_size", settings_.hidden_size},
            {"mask", kMask},
            {"max_context",
             settings_.max_context ? sdk::Json(*settings_.max_context) : sdk::Json(nullptr)}};
  }
  sdk::PromptTokens encode_prompt(std::string_view source, std::string_view prefix) const override {
    auto text = encode(std::string(source) + std::string(prefix));
    if (std::ranges::find(text, kMask) == text.end()) text.push_back(kMask);
    return {std::move(text), {kMask}};
  }
  Tokens encode(std::string_view text) const override {
    Tokens tokens;
    for (const char letter : text) tokens.push_back(letter == '_' ? kMask : letter - 'a' + 1);
    return tokens;
  }
  std::string decode(std::span<const std::int32_t> tokens) const override {
    std::string text;
    for (const auto token : tokens) text += token == kMask ? '_' : static_cast<char>('`' + token);
    return text;
  }
  std::string token_text(std::int32_t token) const override { return decode({&token, 1}); }

  std::unique_ptr<sdk::State> open_state(std::span<const std::int32_t> text) override {
    return std::make_unique<Gap>(Tokens(text.begin(), text.end()));
  }
  std::unique_ptr<sdk::State> fork_state(const sdk::State& state) override {
    return std::make_unique<Gap>(static_cast<const Gap&>(state));
  }
  void feed(std::span<trellis_feed_item> items) override {
    for (auto& item : items) {
      auto& state = sdk::state_of<Gap>(item);
      const Tokens block(item.tokens, item.tokens + item.token_count);
      for (std::size_t row = 0; row < item.row_count; ++row) {
        const std::size_t place = item.token_count - item.row_count + row;
        if (item.hidden != nullptr)
          item.hidden[row] =
              static_cast<float>(block[place]) + 10 * static_cast<float>(block.size() - 1 - place);
        if (item.logits == nullptr) continue;
        Row expected =
            state.fed == 0 ? settings_.lengths : settings_.expected(state.text, block, place);
        expected.resize(settings_.letters + 1, 0.0);
        for (std::size_t id = 0; id < expected.size(); ++id)
          item.logits[row * expected.size() + id] = static_cast<float>(std::log(expected[id]));
      }
      ++state.fed;
      EXPECT_LE(state.fed, 2) << "a block goes on from the prompt, never from another block";
    }
  }

 private:
  struct Gap final : sdk::State {
    explicit Gap(Tokens tokens) : text(std::move(tokens)) {}
    Tokens text;
    int fed = 0;
  };
  GapSettings settings_;
};

plugin::Model gap_model(const GapSettings& settings) {
  return plugin::Model(sdk::detail::wrap(std::make_unique<GapModel>(settings)));
}

// Two places of "a" or "b" with the joint distribution aa .1, ab .5, ba .3, bb .1.
constexpr double kJoint[2][2] = {{0.1, 0.5}, {0.3, 0.1}};

GapSettings pair_of_letters() {
  GapSettings settings;
  settings.expected = [](const Tokens&, const Tokens& block, std::size_t place) -> Row {
    const std::int32_t other = block.at(1 - place);
    Row row(3, 0.0);
    for (int mine = 0; mine < 2; ++mine) {
      for (int theirs = 0; theirs < 2; ++theirs) {
        if (other != kMask && other != theirs + 1) continue;
        row[static_cast<std::size_t>(mine) + 1] +=
            place == 0 ? kJoint[mine][theirs] : kJoint[theirs][mine];
      }
    }
    return row;
  };
  return settings;
}

// Logits that depend on all of the text and of the block.
GapSettings scrambled_gap() {
  GapSettings settings;
  settings.letters = 6;
  settings.lengths = {0, 0.1, 0.2, 0.3, 0.25, 0.15};
  settings.expected = [](const Tokens& text, const Tokens& block, std::size_t place) {
    std::array<std::uint32_t, 4> hash = {static_cast<std::uint32_t>(place), 7, 0, 0};
    for (const auto* tokens : {&text, &block}) {
      for (const auto token : *tokens) {
        hash[1] ^= static_cast<std::uint32_t>(token);
        hash = decode::philox4x32(hash, {1, 2});
      }
    }
    Row row(7);
    for (std::size_t id = 0; id < row.size(); ++id)
      row[id] = 1 + decode::philox4x32(hash, {static_cast<std::uint32_t>(id), 3})[0] % 97;
    return row;
  };
  return settings;
}

decode::Prompt gap(const std::string& source, std::size_t limit = 8, std::uint64_t example = 0) {
  decode::Prompt prompt;
  prompt.example = example;
  prompt.source = source;
  prompt.max_new_tokens = limit;
  return prompt;
}

decode::Arm mask_predict(const json& settings) {
  return arm(strategy("mask_predict", settings));
}

double log_of_product(std::initializer_list<double> factors) {
  double sum = 0;
  for (const double factor : factors) sum += std::log(factor);
  return sum;
}

TEST(MaskPredict, MasksTheLeastCertainPlacesAgain) {
  auto model = gap_model(pair_of_letters());
  // Alone each place says: first a .6, b .4; second a .4, b .6. The first of equals is masked and
  // then drawn given b: a .5 / .6.
  const auto twice = run(model, mask_predict({{"iterations", 2}, {"lengths", 1}}), {gap("_")});
  EXPECT_EQ(twice.text(0), "ab");
  EXPECT_EQ(twice.at(0).finish, decode::Finish::strategy);
  EXPECT_NEAR(twice.at(0).score, log_of_product({0.5 / 0.6, 0.6}) / 2, 1e-6);
  ASSERT_EQ(twice.at(0).tokens.size(), 2U);
  EXPECT_NEAR(twice.at(0).tokens[0].log_probability, std::log(0.5 / 0.6), 1e-6);
  EXPECT_NEAR(twice.at(0).tokens[1].log_probability, std::log(0.6), 1e-6);
  EXPECT_EQ(twice.at(0).tokens[1].rank, 1U);
  const auto once = run(model, mask_predict({{"iterations", 1}, {"lengths", 1}}), {gap("_")});
  EXPECT_NEAR(once.at(0).score, std::log(0.6), 1e-6);
}

TEST(MaskPredict, KeepsWhatIsCertain) {
  // The third place depends on what the first came to be; the second is sure from the beginning.
  GapSettings settings;
  settings.letters = 3;
  settings.lengths = {0, 0, 0, 1};
  settings.expected = [](const Tokens&, const Tokens& block, std::size_t place) -> Row {
    if (place == 1) return {0, 0.05, 0.95};
    if (place == 0) return {0, 0.7, 0.3};
    return block[0] == kMask ? Row{0, 0.6, 0.4} : Row{0, 0.2, 0.8};
  };
  auto model = gap_model(settings);
  // Three of 3 (3 - t) / 3: after the first the two least certain of "aba" are masked, of which the
  // last sees no first place; after the second only the last.
  const auto outcome = run(model, mask_predict({{"iterations", 3}, {"lengths", 1}}), {gap("_")});
  EXPECT_EQ(outcome.text(0), "abb");
  EXPECT_NEAR(outcome.at(0).score, log_of_product({0.7, 0.95, 0.8}) / 3, 1e-6);
}

TEST(MaskPredict, TriesTheLikeliestLengthsAndKeepsTheBestMean) {
  GapSettings settings;
  settings.letters = 3;
  settings.lengths = {0, 0.2, 0.5, 0.3};
  settings.expected = [](const Tokens&, const Tokens& block, std::size_t) -> Row {
    const double best = block.size() == 1 ? 0.99 : block.size() == 2 ? 0.6 : 0.8;
    return {0, 1 - best, best};
  };
  auto model = gap_model(settings);
  const auto length = [&](int lengths, std::size_t limit = 8) {
    return run(model, mask_predict({{"lengths", lengths}}), {gap("_", limit)}).text(0).size();
  };
  EXPECT_EQ(length(1), 2U);
  EXPECT_EQ(length(2), 3U);  // of 2 and 3 tokens the latter
  EXPECT_EQ(length(3), 1U);
  EXPECT_EQ(length(9), 1U);
  EXPECT_EQ(length(1, 1), 1U);  // no room for more
}

TEST(Gibbs, DrawsFromTheJointDistribution) {
  auto model = gap_model(pair_of_letters());
  constexpr std::uint32_t kSamples = 4000;
  for (const json& settings : {json{{"sweeps", 1}}, json{{"sweeps", 3}},
                               json{{"sweeps", 2}, {"order", "left_to_right"}}}) {
    SCOPED_TRACE(settings.dump());
    RunOptions options;
    options.samples = kSamples;
    const auto outcome = run(model, arm(strategy("gibbs", settings)), {gap("_")}, options);
    std::map<std::string, double> counts;
    for (const auto& [key, generation] : outcome.generations) ++counts[generation.text];
    double chi_square = 0;
    for (int first = 0; first < 2; ++first) {
      for (int second = 0; second < 2; ++second) {
        const double expected = kJoint[first][second] * kSamples;
        const std::string text = {static_cast<char>('a' + first), static_cast<char>('a' + second)};
        chi_square += std::pow(counts[text] - expected, 2) / expected;
      }
    }
    EXPECT_LT(chi_square, 16.27) << "above the 99.9 % point of three degrees of freedom";
  }
}

TEST(Gibbs, DrawsTheLengthFromTheLikeliest) {
  auto model = gap_model(scrambled_gap());
  RunOptions options;
  options.samples = 3000;
  const auto outcome = run(model, arm(strategy("gibbs", {{"sweeps", 1}})), {gap("a_b")}, options);
  std::map<std::size_t, double> counts;
  for (const auto& [key, generation] : outcome.generations) ++counts[generation.text.size()];
  // Of 2, 3 and 4 tokens, by .2, .3 and .25.
  ASSERT_EQ(counts.size(), 3U);
  double chi_square = 0;
  for (const auto& [length, share] : {std::pair(2U, 0.2), {3U, 0.3}, {4U, 0.25}}) {
    const double expected = share / 0.75 * 3000;
    chi_square += std::pow(counts[length] - expected, 2) / expected;
  }
  EXPECT_LT(chi_square, 13.82) << "above the 99.9 % point of two degrees of freedom";
}

TEST(Blocks, AreTheSameAloneTogetherAndInAnyBatch) {
  auto model = gap_model(scrambled_gap());
  std::vector<decode::Arm> arms;
  arms.push_back(mask_predict({{"iterations", 3}}));
  arms.push_back(arm(strategy("gibbs")));
  arms.back().processors.push_back(processor("temperature", {{"temperature", 0.7}}));
  arms.back().processors.push_back(processor("top_k", {{"k", 3}}));
  std::vector<decode::Prompt> prompts;
  for (const char* text : {"_", "ab_c", "_ffff", "a_"})
    prompts.push_back(gap(text, 5, prompts.size()));
  const auto requests = decode::every_sample(arms, prompts.size(), 3, 5);
  const auto expected = run_arms(model, arms, prompts, requests);
  for (const std::size_t batch : {1U, 5U, 32U}) {
    for (const bool share : {false, true}) {
      decode::GenerateOptions options;
      options.max_batch = batch;
      options.feed_tokens = batch;
      options.share = share;
      const auto outcome = run_arms(model, arms, prompts, requests, options);
      for (std::size_t i = 0; i < arms.size(); ++i) {
        ASSERT_TRUE(outcome[i].failures.empty()) << outcome[i].failures.begin()->second;
        for (const auto& [key, generation] : expected[i].generations) {
          expect_same_output(outcome[i].at(key.first, key.second), generation);
          EXPECT_EQ(outcome[i].at(key.first, key.second).score, generation.score);
        }
      }
    }
  }
}

TEST(Blocks, FitBesideTheText) {
  auto settings = scrambled_gap();
  settings.max_context = 6;
  auto model = gap_model(settings);
  const auto outcome =
      run(model, mask_predict({{"lengths", 9}}), {gap("abc_d"), gap("abcde_f"), gap("abcde_")});
  EXPECT_LE(outcome.text(0).size(), 2U);
  EXPECT_EQ(outcome.failures.at({1, 0}),
            "the prompt has 6 tokens and leaves no room in the model's context of 6");
  EXPECT_EQ(outcome.text(2).size(), 1U);
}

using Answering = std::function<void(const trellis_view&, trellis_answer&)>;

TEST(Blocks, ThatBreakTheRulesFailTheirSample) {
  auto model = gap_model(pair_of_letters());
  const plugin::StrategyNeeds needs{.masked_prediction = true};
  const auto failure = [&](const Answering& first, const Answering& then) {
    const auto open = [&] {
      return [&](const trellis_view& view, trellis_answer& answer) {
        EXPECT_EQ(view.mask, kMask);
        (view.round == 0 ? first : then)(view, answer);
      };
    };
    const auto outcome = run(model, arm(scripted(open, needs)), {gap("_", 2)});
    return outcome.failures.empty() ? "" : outcome.failures.begin()->second;
  };
  const auto move = [](const Tokens& tokens, std::uint32_t row = 0) -> Answering {
    return [tokens, row](auto&, auto& answer) { send(answer, 0, row, tokens); };
  };
  const auto finish = [](const Tokens& tokens) -> Answering {
    return
        [tokens](auto&, auto& answer) { send(answer, 0, 0, tokens, 0, TRELLIS_FINISH_STRATEGY); };
  };
  const Tokens masks = {kMask, kMask};
  EXPECT_EQ(failure(move(masks), finish({1, 2})), "");
  const std::string advance = "strategy advance: ";
  EXPECT_EQ(failure(move({kMask, 1}), {}),
            advance + "move 1 of the answer: the first block must be moved, and be all masks");
  EXPECT_EQ(failure(finish({1}), {}),
            advance + "finish 1 of the answer: the first block must be moved, and be all masks");
  EXPECT_EQ(failure(move({kMask, kMask, kMask}), {}),
            advance + "move 1 of the answer: 3 tokens where only 2 have room");
  EXPECT_EQ(failure(move(masks), move({1})),
            advance + "move 1 of the answer: a block of 1 tokens after one of 2");
  EXPECT_EQ(failure(move(masks), finish({1, kMask})),
            advance + "finish 1 of the answer: it is finished with 1 masks left");
  EXPECT_EQ(failure(move(masks), move(masks, 1)),
            advance + "move 1 of the answer: row and again of a block must be 0");
}

TEST(Fit, IsToldInOneLineBothWays) {
  auto masked = gap_model(pair_of_letters());
  Table plain(markov(1, {{"", {{"a", 1}}}, {"a", {{"", 1}}}}));
  EXPECT_NO_THROW(plugin::require_fit(masked, strategy("gibbs"), "gibbs"));
  EXPECT_NO_THROW(plugin::require_fit(plain.model, strategy("greedy"), "greedy"));
  EXPECT_EQ(message_of([&] { plugin::require_fit(masked, strategy("greedy"), "greedy"); }),
            "strategy greedy: writes token after token, and the model fills in masks; use a "
            "strategy of masked prediction, such as mask_predict or gibbs");
  EXPECT_EQ(message_of([&] { plugin::require_fit(plain.model, strategy("gibbs"), "gibbs"); }),
            "strategy gibbs: fills in masks, of which the model knows none; use a model of masked "
            "prediction, such as bert");
}

TEST(PseudoLikelihood, MasksOneTokenAtATime) {
  auto model = gap_model(pair_of_letters());
  const std::vector<decode::LikelihoodRequest> requests = {{"b_", "", "ab"}, {"_", "", ""}};
  for (const std::size_t batch : {1U, 8U}) {
    const auto answers = decode::likelihoods(model, requests, batch, {});
    EXPECT_NEAR(answers[0].negative_log_likelihood, -log_of_product({0.5 / 0.6, 0.5 / 0.6}), 1e-6);
    EXPECT_EQ(answers[0].tokens, 2U);  // there is no end symbol
    EXPECT_EQ(answers[0].bytes, 2U);
    EXPECT_TRUE(answers[0].pseudo);
    EXPECT_EQ(answers[1].tokens, 0U);
  }
}

TEST(PseudoLikelihood, IsExplainedPlaceByPlace) {
  auto model = gap_model(pair_of_letters());
  const auto told = decode::explain(model, {.source = "b_a", .target = "ab"});
  EXPECT_TRUE(told.pseudo);
  EXPECT_EQ(told.decoder, (Tokens{2, 1, 2, 1}));
  ASSERT_EQ(told.judged.size(), 2U);
  EXPECT_NEAR(told.judged[1].log_probability, std::log(0.5 / 0.6), 1e-6);
  EXPECT_NEAR(told.log_probability, 2 * std::log(0.5 / 0.6), 1e-6);
}

TEST(Embedding, OfAModelOfMasksKnowsWhatStandsBehind) {
  auto settings = pair_of_letters();
  settings.hidden_size = 1;
  auto model = gap_model(settings);
  for (const std::size_t batch : {1U, 8U}) {
    EXPECT_THAT(decode::embed(model, std::vector<std::string>{"aba", "", "b"}, batch, {}),
                ::testing::ElementsAre(::testing::ElementsAre(21, 12, 1), ::testing::ElementsAre(),
                                       ::testing::ElementsAre(2)));
  }
}

}  // namespace
}  // namespace trellis::tests
