// The bits of a sequence's logits depend on its own tokens alone: not on what else is in the batch,
// on how it was fed, on threads or on the width of vectors.
#include <gtest/gtest.h>

#include <functional>
#include <numeric>

#include "core/nn/network.hpp"
#include "plugins/models/gemma/gemma.hpp"
#include "plugins/models/gpt/gpt.hpp"
#include "plugins/models/gpt3/gpt3.hpp"
#include "plugins/models/llama/llama.hpp"
#include "plugins/models/pangu/pangu.hpp"
#include "plugins/models/rnn/encoder_decoder.hpp"
#include "plugins/models/transformer/transformer.hpp"
#include "plugins/models/wudao/wudao.hpp"
#include "tests/unit/kernels_fixture.hpp"

namespace trellis {
namespace {

using nn::Tensor;

constexpr std::int64_t kVocab = 83;

struct Text {
  std::vector<std::int32_t> source;
  std::vector<std::int32_t> tokens;
};

// 33 texts of 1 to 40 tokens: more than two pages of a cache at most.
std::vector<Text> make_texts() {
  std::vector<Text> texts(33);
  std::uint32_t state = 12345;
  const auto draw = [&] {
    state = state * 1664525U + 1013904223U;
    return static_cast<std::int32_t>((state >> 8) % kVocab);
  };
  for (std::size_t i = 0; i < texts.size(); ++i) {
    texts[i].source.resize(1 + (i * 7) % 23);
    texts[i].tokens.resize(1 + (i * 11) % 40);
    std::ranges::generate(texts[i].source, draw);
    std::ranges::generate(texts[i].tokens, draw);
  }
  return texts;
}

using Logits = std::vector<std::vector<float>>;  // by text: [tokens, vocab]

// Feeds the texts `batch` at a time, each by `chunk` tokens a round; the longer ones go on alone.
Logits compute(nn::Network& network, const std::vector<Text>& texts, std::size_t batch,
               std::size_t chunk) {
  const c10::InferenceMode inference;
  Logits logits(texts.size());
  for (std::size_t begin = 0; begin < texts.size(); begin += batch) {
    const std::size_t end = std::min(begin + batch, texts.size());
    std::vector<std::unique_ptr<nn::NetworkState>> states;
    for (std::size_t i = begin; i < end; ++i) states.push_back(network.open(texts[i].source));
    for (std::size_t done = 0;; done += chunk) {
      std::vector<nn::Feed> feeds;
      std::vector<std::size_t> fed;
      for (std::size_t i = begin; i < end; ++i) {
        const auto& tokens = texts[i].tokens;
        if (done >= tokens.size()) continue;
        feeds.push_back({states[i - begin].get(),
                         std::span(tokens).subspan(done, std::min(chunk, tokens.size() - done))});
        fed.push_back(i);
      }
      if (feeds.empty()) break;
      const Tensor rows = network.logits(network.feed(feeds)).contiguous();
      const auto* next = rows.data_ptr<float>();
      for (std::size_t i = 0; i < feeds.size(); ++i) {
        const auto count = static_cast<std::ptrdiff_t>(feeds[i].tokens.size()) * kVocab;
        logits[fed[i]].insert(logits[fed[i]].end(), next, next + count);
        next += count;
      }
    }
  }
  return logits;
}

void expect_same(const Logits& found, const Logits& expected) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    SCOPED_TRACE("text " + std::to_string(i));
    ASSERT_NO_FATAL_FAILURE(tests::expect_same_bits(found[i], expected[i]));
  }
}

std::unique_ptr<nn::Network> make_network(const std::string& name) {
  if (name == "gpt")
    return std::make_unique<models::Gpt>(
        models::GptOptions{
            .vocab = kVocab, .context = 64, .layers = 2, .width = 48, .heads = 3, .inner = 100},
        5);
  if (name.starts_with("gpt3"))
    return std::make_unique<models::Gpt3>(
        models::Gpt3Options{.vocab = kVocab,
                            .context = 64,
                            .layers = 3,
                            .width = 48,
                            .heads = 3,
                            .inner = 100,
                            .band = 7,
                            .stride = name == "gpt3"          ? 2
                                      : name == "gpt3_banded" ? 0
                                                              : 1},
        5);
  if (name == "pangu")
    return std::make_unique<models::Pangu>(
        models::PanguOptions{
            .vocab = kVocab, .context = 64, .layers = 2, .width = 48, .heads = 3, .inner = 100},
        5);
  if (name == "wudao")
    return std::make_unique<models::Wudao>(models::WudaoOptions{.vocab = kVocab,
                                                                .context = 64,
                                                                .layers = 2,
                                                                .width = 48,
                                                                .heads = 3,
                                                                .inner = 100,
                                                                .experts = 4,
                                                                .top_k = 2},
                                           5);
  if (name == "gemma") {
    const auto turns = kernels::rotary_frequencies(10000, 12);
    return std::make_unique<models::Gemma>(models::GemmaOptions{.vocab = kVocab,
                                                                .context = 64,
                                                                .width = 48,
                                                                .heads = 3,
                                                                .kv_heads = 1,
                                                                .head_size = 12,
                                                                .inner = 100,
                                                                .window = 7,
                                                                .local = {true, false, true},
                                                                .local_turns = turns,
                                                                .global_turns = turns},
                                           5);
  }
  if (name == "llama")
    return std::make_unique<models::Llama>(models::LlamaOptions{.vocab = kVocab,
                                                                .context = 64,
                                                                .layers = 2,
                                                                .width = 48,
                                                                .heads = 6,
                                                                .kv_heads = 2,
                                                                .inner = 100},
                                           5);
  if (name == "transformer")
    return std::make_unique<models::Transformer>(models::TransformerOptions{.vocab = kVocab,
                                                                            .context = 64,
                                                                            .encoder_layers = 2,
                                                                            .decoder_layers = 2,
                                                                            .width = 48,
                                                                            .heads = 3,
                                                                            .inner = 100},
                                                 5);
  if (name == "marian")
    return std::make_unique<models::Transformer>(
        models::TransformerOptions{.vocab = kVocab,
                                   .context = 64,
                                   .encoder_layers = 2,
                                   .decoder_layers = 2,
                                   .width = 48,
                                   .heads = 3,
                                   .inner = 100,
                                   .activation = nn::Activation::silu,
                                   .pre_norm = false,
                                   .output_bias = true,
                                   .positions = models::Positions::sinusoid_halves},
        5);
  if (name == "t5")
    return std::make_unique<models::Transformer>(
        models::TransformerOptions{.vocab = kVocab,
                                   .encoder_layers = 2,
                                   .decoder_layers = 2,
                                   .width = 48,
                                   .heads = 3,
                                   .head_size = 20,
                                   .inner = 100,
                                   .activation = nn::Activation::geglu,
                                   .rms_norm = true,
                                   .bias = false,
                                   .tied = models::Tied::inputs,
                                   .embedding_scale = 1,
                                   .score_scale = 1,
                                   .positions = models::Positions::relative,
                                   .relative_buckets = 12,
                                   .relative_max_distance = 17},
        5);
  models::RnnOptions options{.vocab = kVocab, .embedding = 40, .hidden = 36, .layers = 2};
  options.cell = nn::cell_from_name(name.substr(0, name.find('_')));
  options.tied_embeddings = name.find("_tied_") != std::string::npos;
  if (name.ends_with("_lm")) return std::make_unique<models::RnnLanguageModel>(options, 5);
  const auto attention = models::attention_from_name(name.substr(name.rfind('_') + 1));
  return std::make_unique<models::RnnEncoderDecoder>(options, attention, 5);
}

class SameBytes : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    network_->parameters.freeze();
    at::set_num_threads(1);
    expected_ = compute(*network_, texts_, 1, 1);
  }
  void TearDown() override { at::set_num_threads(1); }

  std::unique_ptr<nn::Network> network_ = make_network(GetParam());
  std::vector<Text> texts_ = make_texts();
  Logits expected_;
};

TEST_P(SameBytes, InAnyBatchAndAnyChunk) {
  for (const std::size_t batch : {1, 2, 7, 32, 256}) {
    for (const std::size_t chunk : {1, 3, 16, 64}) {
      SCOPED_TRACE("batch " + std::to_string(batch) + ", chunk " + std::to_string(chunk));
      expect_same(compute(*network_, texts_, batch, chunk), expected_);
    }
  }
}

TEST_P(SameBytes, OnAnyNumberOfThreads) {
  for (const int threads : {2, 4}) {
    SCOPED_TRACE(threads);
    at::set_num_threads(threads);
    expect_same(compute(*network_, texts_, 1, 64), expected_);
    expect_same(compute(*network_, texts_, 32, 5), expected_);
  }
}

TEST_P(SameBytes, InEveryVectorTargetThatMultipliesAndAddsAtOnce) {
  tests::in_every_target([&] {
    if (!kernels::fused_multiply_add()) return;
    expect_same(compute(*network_, texts_, 7, 64), expected_);
  });
}

// The two ways to run a network are one function: within float32 rounding, not to the bit.
TEST_P(SameBytes, AndTeacherForcedWithinRounding) {
  network_->parameters.thaw();
  const at::NoGradGuard no_gradient;
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    nn::Batch batch;
    batch.source = nn::ids_tensor(texts_[i].source.data(), texts_[i].source.size());
    batch.source_lengths = at::tensor({batch.source.size(1)}, at::kLong);
    batch.input = nn::ids_tensor(texts_[i].tokens.data(), texts_[i].tokens.size());
    const Tensor logits = network_->logits(network_->hidden(batch, nullptr)).contiguous();
    ASSERT_EQ(static_cast<std::size_t>(logits.numel()), expected_[i].size());
    for (std::size_t k = 0; k < expected_[i].size(); ++k)
      ASSERT_NEAR(logits.data_ptr<float>()[k], expected_[i][k], 2e-5) << "text " << i;
  }
}

TEST_P(SameBytes, AfterForks) {
  const c10::InferenceMode inference;
  const Text& text = texts_[10];  // long enough to share a page
  ASSERT_GT(text.tokens.size(), 20U);
  const auto whole = network_->open(text.source);
  const auto feed = [&](nn::NetworkState& state, std::span<const std::int32_t> tokens) {
    const nn::Feed feed{&state, tokens};
    const Tensor rows = network_->logits(network_->feed({&feed, 1})).contiguous();
    return std::vector<float>(rows.data_ptr<float>(), rows.data_ptr<float>() + rows.numel());
  };
  feed(*whole, std::span(text.tokens).first(20));
  const auto other = whole->fork();
  const std::int32_t elsewhere[] = {1, 2, 3};
  feed(*other, elsewhere);  // must not reach the first one's rows
  const auto rest = feed(*whole, std::span(text.tokens).subspan(20));
  const std::vector<float> expected(expected_[10].begin() + 20 * kVocab, expected_[10].end());
  tests::expect_same_bits(rest, expected);
}

INSTANTIATE_TEST_SUITE_P(Models, SameBytes,
                         testing::Values("gemma", "gpt", "gpt3", "gpt3_banded", "gpt3_dense",
                                         "llama", "pangu", "wudao", "transformer", "marian", "t5",
                                         "rnn_lm", "lstm_lm", "gru_lm", "rnn_bahdanau",
                                         "lstm_luong", "gru_bahdanau", "gru_none", "lstm_tied_lm",
                                         "gru_tied_bahdanau", "lstm_tied_luong"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace trellis
