// BERT: what training masks, the bits of generation, prompts with gaps, plans of experiments.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/nn/prompt_form.hpp"
#include "core/text/tokenizer.hpp"
#include "experiments/config.hpp"
#include "experiments/plan.hpp"
#include "plugins/models/bert/bert.hpp"
#include "tests/abi/host.hpp"
#include "tests/unit/kernels_fixture.hpp"

namespace trellis {
namespace {

using models::Masking;
using nn::Tensor;
using testing::ElementsAre;
using Tokens = std::vector<std::int32_t>;
using Ids = std::vector<std::int64_t>;

constexpr std::int64_t kVocab = 83;
constexpr std::int32_t kMask = kVocab - 1;

// ---- what is masked -----------------------------------------------------------------------------

// <bos> 10 11 mask 12 <eos>, with a block of 40 tokens in the gap.
const Ids kText = {text::kBegin, 10, 11, kMask, 12, text::kEnd};

Ids block_of(std::size_t length) {
  Ids block(length);
  for (std::size_t i = 0; i < length; ++i) block[i] = 20 + static_cast<std::int64_t>(i % 50);
  return block;
}

models::MaskedText draw(const models::MaskingOptions& options, const Ids& block,
                        std::mt19937_64& engine) {
  return models::mask_text(kText, block, kVocab, options, engine);
}

TEST(BertMasking, MasksAShareAndReplacesSome) {
  std::mt19937_64 engine(1);
  const Ids block = block_of(37);
  std::map<std::string, int> count;
  std::vector<int> hits(kText.size() - 1 + block.size());
  constexpr int kTexts = 2000;
  for (int i = 0; i < kTexts; ++i) {
    const auto masked = draw({.lengths = 0}, block, engine);
    ASSERT_EQ(masked.input.size(), hits.size());
    for (std::size_t place = 0; place < hits.size(); ++place) {
      const bool before = place < 3;
      const std::int64_t truth = before                     ? kText[place]
                                 : place < 3 + block.size() ? block[place - 3]
                                                            : kText[place + 1 - block.size()];
      const std::int64_t input = masked.input[place];
      if (masked.target[place] == nn::kIgnoredTarget) {
        ASSERT_EQ(input, truth);
        continue;
      }
      ASSERT_EQ(masked.target[place], truth);
      ++hits[place];
      ++count[input == kMask ? "mask" : input == truth ? "same" : "other"];
      if (input != kMask && input != truth) {
        ASSERT_GE(input, text::kSpecialCount);
        ASSERT_LT(input, kMask);
      }
    }
  }
  // 40 places that are no symbols: six of them, by 80, 10 and 10 %; the deviation of the counts of
  // 12,000 draws is at most 44.
  EXPECT_EQ(count["mask"] + count["same"] + count["other"], 6 * kTexts);
  EXPECT_NEAR(count["mask"], 0.8 * 6 * kTexts, 5 * 44);
  // One in 77 tokens that are drawn at random is the same again.
  EXPECT_NEAR(count["other"], 0.1 * 6 * kTexts * 76 / 77, 5 * 33);
  EXPECT_EQ(hits.front(), 0);
  EXPECT_EQ(hits.back(), 0);
  for (std::size_t place = 1; place + 1 < hits.size(); ++place)
    EXPECT_NEAR(hits[place], 0.15 * kTexts, 5 * 16) << place;
}

TEST(BertMasking, MasksAnyNumberOfTheGapsPlaces) {
  std::mt19937_64 engine(2);
  const Ids block = block_of(4);
  std::vector<int> counts(5);
  for (int i = 0; i < 2000; ++i) {
    const auto masked = draw({.kind = Masking::gap, .lengths = 0}, block, engine);
    std::size_t masks = 0;
    for (std::size_t place = 0; place < masked.input.size(); ++place) {
      if (masked.target[place] == nn::kIgnoredTarget) continue;
      ASSERT_TRUE(place >= 3 && place < 7);
      ASSERT_EQ(masked.input[place], kMask);
      ++masks;
    }
    ++counts.at(masks);
  }
  EXPECT_EQ(counts[0], 0);
  for (std::size_t masks = 1; masks <= 4; ++masks) EXPECT_NEAR(counts[masks], 500, 5 * 20);
}

TEST(BertMasking, LearnsLengthsOfSomeTexts) {
  std::mt19937_64 engine(3);
  int lengths = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto masked = draw({.lengths = 0.2}, block_of(9), engine);
    if (masked.target.front() == nn::kIgnoredTarget) continue;
    ++lengths;
    EXPECT_EQ(masked.input, kText);
    EXPECT_EQ(masked.target, (Ids{9, nn::kIgnoredTarget, nn::kIgnoredTarget, nn::kIgnoredTarget,
                                  nn::kIgnoredTarget, nn::kIgnoredTarget}));
  }
  EXPECT_NEAR(lengths, 200, 5 * 13);
}

models::BertOptions small() {
  models::BertOptions options;
  options.vocab = kVocab;
  options.context = 64;
  options.layers = 2;
  options.width = 48;
  options.heads = 3;
  options.inner = 100;
  options.separator = text::kSeparator;
  return options;
}

TEST(BertMasking, MakesTheSameLessonOfTheSameSeed) {
  const models::Bert network(small(), 5);
  nn::BatchArrays arrays;
  arrays.rows = 2;
  arrays.source_length = 6;
  arrays.source = kText;
  arrays.source.insert(arrays.source.end(), {text::kBegin, kMask, text::kEnd, 0, 0, 0});
  arrays.source_lengths = {6, 3};
  arrays.length = 3;
  arrays.input.resize(6, 0);
  arrays.target = {20, 21, 22, 30, 31, nn::kIgnoredTarget};
  const nn::Batch batch = nn::to_tensors(arrays);
  const nn::Batch one = network.lesson(batch, 1);
  EXPECT_TRUE(one.input.equal(network.lesson(batch, 1).input));
  EXPECT_TRUE(one.target.equal(network.lesson(batch, 1).target));
  EXPECT_GE(one.target_count, 2);
  bool differs = false;
  for (std::uint64_t seed = 2; seed < 20; ++seed) {
    const nn::Batch other = network.lesson(batch, seed);
    differs =
        differs || other.target.sizes() != one.target.sizes() || !other.target.equal(one.target);
  }
  EXPECT_TRUE(differs);
}

// ---- the bits of generation ---------------------------------------------------------------------

struct Gap {
  Tokens text;
  Tokens block;
};

// 33 gaps; texts of 3 to 25 tokens, some with a source of their own, blocks of 1 to 20.
std::vector<Gap> make_gaps() {
  std::vector<Gap> gaps(33);
  std::uint32_t state = 12345;
  const auto token = [&] {
    state = state * 1664525U + 1013904223U;
    return static_cast<std::int32_t>(text::kSpecialCount + (state >> 8) % (kMask - 5));
  };
  for (std::size_t i = 0; i < gaps.size(); ++i) {
    Tokens& text = gaps[i].text;
    text.resize(3 + (i * 7) % 23);
    std::ranges::generate(text, token);
    text.front() = text::kBegin;
    text.back() = text::kEnd;
    const std::size_t gap = 1 + i % (text.size() - 2);
    if (gap > 2 && i % 3 == 0) text[gap - 1] = text::kSeparator;
    text[gap] = kMask;
    gaps[i].block.resize(1 + (i * 11) % 20);
    std::ranges::generate(gaps[i].block, token);
    gaps[i].block[i % gaps[i].block.size()] = kMask;
  }
  return gaps;
}

using Logits = std::vector<std::vector<float>>;  // by gap: [1 + block, vocab]

void append(const Tensor& rows, std::span<const nn::Feed> feeds, std::size_t first,
            Logits& logits) {
  const Tensor contiguous = rows.contiguous();
  const auto* next = contiguous.data_ptr<float>();
  for (std::size_t i = 0; i < feeds.size(); ++i) {
    const auto count = static_cast<std::ptrdiff_t>(feeds[i].tokens.size()) * kVocab;
    logits[first + i].insert(logits[first + i].end(), next, next + count);
    next += count;
  }
}

Logits compute(nn::Network& network, const std::vector<Gap>& gaps, std::size_t batch) {
  const c10::InferenceMode inference;
  static constexpr std::int32_t kPrompt = kMask;
  Logits logits(gaps.size());
  for (std::size_t begin = 0; begin < gaps.size(); begin += batch) {
    const std::size_t end = std::min(begin + batch, gaps.size());
    std::vector<std::unique_ptr<nn::NetworkState>> states;
    std::vector<nn::Feed> prompts;
    for (std::size_t i = begin; i < end; ++i) {
      states.push_back(network.open(gaps[i].text));
      prompts.push_back({states.back().get(), {&kPrompt, 1}});
    }
    append(network.logits(network.feed(prompts)), prompts, begin, logits);
    std::vector<std::unique_ptr<nn::NetworkState>> forks;
    std::vector<nn::Feed> blocks;
    for (std::size_t i = begin; i < end; ++i) {
      states[i - begin]->length = 1;
      forks.push_back(states[i - begin]->fork());
      blocks.push_back({forks.back().get(), gaps[i].block});
    }
    append(network.logits(network.feed(blocks)), blocks, begin, logits);
  }
  return logits;
}

void expect_same(const Logits& found, const Logits& expected) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    SCOPED_TRACE("gap " + std::to_string(i));
    ASSERT_NO_FATAL_FAILURE(tests::expect_same_bits(found[i], expected[i]));
  }
}

TEST(BertSameBytes, InAnyBatchOnAnyThreadsInEveryTarget) {
  models::Bert network(small(), 5);
  network.parameters.freeze();
  const auto gaps = make_gaps();
  at::set_num_threads(1);
  const Logits expected = compute(network, gaps, 1);
  for (const std::size_t batch : {2, 7, 32, 256})
    expect_same(compute(network, gaps, batch), expected);
  for (const int threads : {2, 4}) {
    at::set_num_threads(threads);
    expect_same(compute(network, gaps, 1), expected);
    expect_same(compute(network, gaps, 32), expected);
  }
  at::set_num_threads(1);
  tests::in_every_target([&] {
    if (kernels::fused_multiply_add()) expect_same(compute(network, gaps, 7), expected);
  });
}

// The two ways to run a network are one function: within float32 rounding, not to the bit.
TEST(BertSameBytes, AndAsInTrainingWithinRounding) {
  models::Bert network(small(), 5);
  const auto gaps = make_gaps();
  network.parameters.freeze();
  const Logits found = compute(network, gaps, 7);
  network.parameters.thaw();
  const at::NoGradGuard no_gradient;
  for (std::size_t i = 0; i < gaps.size(); ++i) {
    Tokens whole = gaps[i].text;
    const auto gap = std::ranges::find(whole, kMask);
    const auto place = gap - whole.begin();
    whole.insert(whole.erase(gap), gaps[i].block.begin(), gaps[i].block.end());
    nn::Batch batch;
    batch.input = nn::ids_tensor(whole.data(), whole.size());
    const auto size = static_cast<std::int64_t>(gaps[i].block.size());
    const Tensor logits =
        network.logits(network.hidden(batch, nullptr)[0].narrow(0, place, size)).contiguous();
    for (std::int64_t k = 0; k < logits.numel(); ++k)
      ASSERT_NEAR(logits.data_ptr<float>()[k], found[i][static_cast<std::size_t>(kVocab + k)], 2e-5)
          << "gap " << i;
  }
}

TEST(BertFeed, TakesAMaskAndThenABlock) {
  models::Bert network(small(), 5);
  network.parameters.freeze();
  const c10::InferenceMode inference;
  const Tokens text = {text::kBegin, kMask, text::kEnd};
  const auto refusal = [&](const Tokens& opened, std::size_t length, const Tokens& fed) {
    const auto state = network.open(opened);
    state->length = length;
    const nn::Feed feed{state.get(), fed};
    return tests::message_of([&] { network.feed({&feed, 1}); });
  };
  EXPECT_EQ(refusal(text, 0, {kMask}), "");
  EXPECT_EQ(refusal({text::kBegin, text::kEnd}, 0, {kMask}),
            "the text has no mask where the output belongs");
  const std::string twice = "a text with a gap is fed its mask, then one whole block";
  EXPECT_EQ(refusal(text, 0, {kMask, 9}), twice);
  EXPECT_EQ(refusal(text, 2, {9}), twice);
  EXPECT_EQ(refusal(text, 1, Tokens(63, 9)),
            "65 tokens exceed the model's context of 64: shorten the text or train with a larger "
            "context");
}

// ---- prompts ------------------------------------------------------------------------------------

class MaskedForm : public testing::Test {
 protected:
  // Letters from 5 on, in the order of their number and then by bytes: "_" is 5.
  Tokens text_of(std::string_view source, std::string_view prefix, std::size_t limit = 0) {
    const auto prompt = nn::masked_form("___", limit)->encode(*tokenizer_, source, prefix);
    EXPECT_THAT(prompt.decoder, ElementsAre(mask_));
    return prompt.encoder;
  }
  Tokens ids(std::string_view text) { return tokenizer_->encode(text); }

  std::unique_ptr<text::Tokenizer> tokenizer_ = text::train_tokenizer(
      {.kind = "character"}, std::vector<std::string_view>{"abcdefgh 天地玄黄🙂_"});
  std::int32_t mask_ = static_cast<std::int32_t>(tokenizer_->vocab_size());
};

TEST_F(MaskedForm, PutsTheMaskIntoTheGap) {
  const auto expected = [&](std::string_view before, std::string_view behind) {
    Tokens tokens = {text::kBegin};
    for (const auto token : ids(before)) tokens.push_back(token);
    tokens.push_back(mask_);
    for (const auto token : ids(behind)) tokens.push_back(token);
    tokens.push_back(text::kEnd);
    return tokens;
  };
  EXPECT_EQ(text_of("ab___ cd", ""), expected("ab", " cd"));
  EXPECT_EQ(text_of("", "ab ___cd"), expected("ab ", "cd"));
  EXPECT_EQ(text_of("天___黄", ""), expected("天", "黄"));
  EXPECT_EQ(text_of("🙂___", "e"), expected("🙂e", ""));
  EXPECT_EQ(text_of("", "ab"), expected("ab", ""));
  EXPECT_EQ(text_of("", ""), expected("", ""));
  // A source without a gap is a text of its own.
  Tokens apart = expected("", "");
  apart.insert(apart.begin() + 1, {ids("a")[0], ids("b")[0], text::kSeparator, ids("c")[0]});
  EXPECT_EQ(text_of("ab", "c"), apart);
}

TEST_F(MaskedForm, KeepsWhatIsAroundTheGap) {
  EXPECT_EQ(text_of("abcd___efgh", "", 4), text_of("cd___ef", ""));
  EXPECT_EQ(text_of("abcdef___g", "", 4), text_of("def___g", ""));
  EXPECT_EQ(text_of("a___cdefgh", "", 4), text_of("a___cde", ""));
  EXPECT_EQ(text_of("abcdefgh", "", 4), text_of("abcd", ""));
}

// ---- experiments --------------------------------------------------------------------------------

class BertPlan : public testing::Test {
 protected:
  experiments::Config read(const std::string& models_and_strategies) {
    tests::write_file(folder_ / "data.jsonl", R"({"source": "a", "references": ["b"]})");
    tests::write_file(folder_ / "x.toml",
                      "[experiment]\nname = \"x\"\n[[task]]\nplugin = \"translation\"\ntest = "
                      "\"data.jsonl\"\n" +
                          models_and_strategies);
    return experiments::read_config(folder_ / "x.toml", {}, registry_,
                                    [](const std::string&) { return std::nullopt; });
  }
  std::string mistake(const std::string& models_and_strategies) {
    const auto message = tests::message_of([&] { read(models_and_strategies); });
    return message.substr(message.find("x.toml"));
  }

  tests::TemporaryFolder folder_;
  plugin::Registry registry_{{tests::built_plugins()}, tests::quiet_host()};
};

const std::string kBert = "[[model]]\nplugin = \"bert\"\n";
const std::string kNgram = "[[model]]\nplugin = \"ngram\"\n";
const std::string kGreedy = "[[strategy]]\nplugin = \"greedy\"\n";
const std::string kGibbs = "[[strategy]]\nplugin = \"gibbs\"\nsweeps = [1, 2]\n";

TEST_F(BertPlan, HasOnlyPairsThatFit) {
  const auto config = read(kBert + kNgram + kGreedy + kGibbs);
  const auto plan =
      experiments::make_plan(config, registry_, std::vector<experiments::TaskFacts>(1),
                             folder_.path(), [](const auto&) { return "hash"; });
  std::vector<std::string> pairs;
  for (const auto& trial : plan.trials)
    pairs.push_back(plan.models[trial.model].record.plugin + " " + trial.record.strategy_plugin);
  EXPECT_THAT(pairs, testing::UnorderedElementsAre("bert gibbs", "bert gibbs", "ngram greedy"));
}

TEST_F(BertPlan, TellsWhatFitsNothing) {
  EXPECT_EQ(mistake(kNgram + kGreedy + kGibbs),
            "x.toml:10:1: strategy gibbs: fills in masks, of which the model knows none; use a "
            "model of masked prediction, such as bert");
  EXPECT_EQ(mistake(kBert + kGreedy + kGibbs),
            "x.toml:8:1: strategy greedy: writes token after token, and the model fills in masks; "
            "use a strategy of masked prediction, such as mask_predict or gibbs");
  EXPECT_EQ(mistake(kBert + kNgram + kGreedy),
            "x.toml:6:1: model bert: no strategy here works on it; add one that does, such as "
            "mask_predict or gibbs");
}

}  // namespace
}  // namespace trellis
