// The n-gram model, through the ABI: probabilities by hand, text, states, checkpoints, bad input.
#include <gmock/gmock.h>

#include <cmath>
#include <numeric>

#include "core/plugin/model.hpp"
#include "tests/abi/host.hpp"

namespace trellis::tests {
namespace {

using plugin::Kind;
using plugin::Model;
using testing::ElementsAre;
using testing::HasSubstr;
using Tokens = std::vector<std::int32_t>;

constexpr std::int32_t kBos = 0, kEos = 1, kSeparator = 2, kUnknown = 3;

class Ngram : public testing::Test {
 protected:
  Model make(const nlohmann::json& settings) {
    return Model::create(
        registry_, "ngram",
        plugin::complete_settings(registry_.get(Kind::model, "ngram").settings, settings));
  }

  Model trained(const nlohmann::json& settings, const std::vector<plugin::TrainingExample>& train,
                const std::vector<plugin::TrainingExample>& valid = {}) {
    auto model = make(settings);
    model.train(train, valid, folder_ / "model", 1, [this](const nlohmann::json& point) {
      points_.push_back(point);
      return true;
    });
    return model;
  }

  Model load() { return Model::load(registry_, "ngram", folder_ / "model"); }

  // Probabilities of the next token after `tokens`, fed to a fresh state.
  static std::vector<double> after(Model& model, const Tokens& tokens) {
    auto state = model.open_state({});
    return feed(model, state, tokens);
  }

  static std::vector<double> feed(Model& model, plugin::State& state, const Tokens& tokens) {
    std::vector<float> logits(model.facts().vocab_size);
    trellis_feed_item item{state.get(), tokens.data(), tokens.size(), logits.data(), nullptr, 1};
    model.feed({&item, 1});
    std::vector<double> probabilities;
    for (const float logit : logits) probabilities.push_back(std::exp(static_cast<double>(logit)));
    return probabilities;
  }

  std::filesystem::path counts_file() const {
    for (const auto& item : std::filesystem::directory_iterator(folder_ / "model")) {
      if (item.path().extension() == ".bin") return item.path();
    }
    return {};
  }

  TemporaryFolder folder_;
  plugin::Registry registry_{{built_plugins()}, quiet_host()};
  std::vector<nlohmann::json> points_;
};

// Logits are floats: their exponentials are exact to about 1e-7 of their size.
constexpr double kFloat = 1e-6;

// "ab" and "aa": ids a = 4, b = 5. Followers of the empty context: a 3, b 1, <eos> 2: C = 6, T = 3.
// Uniform over <eos>, <unk>, a, b: 1/4. Witten-Bell: P(w) = c/9 + 3/9 * 1/4.
TEST_F(Ngram, WittenBellByHand) {
  auto model = trained({{"order", 2}}, {{"", "ab"}, {"", "aa"}});
  const double a1 = 3.0 / 9 + 1.0 / 12, b1 = 1.0 / 9 + 1.0 / 12, eos1 = 2.0 / 9 + 1.0 / 12;
  // After a: a 1, b 1, <eos> 1: C = 3, T = 3.
  const auto after_a = after(model, {kBos, 4});
  EXPECT_NEAR(after_a[4], 1.0 / 6 + a1 / 2, kFloat);
  EXPECT_NEAR(after_a[5], 1.0 / 6 + b1 / 2, kFloat);
  EXPECT_NEAR(after_a[kEos], 1.0 / 6 + eos1 / 2, kFloat);
  EXPECT_NEAR(after_a[kUnknown], 1.0 / 24, kFloat);
  EXPECT_EQ(after_a[kBos], 0);
  EXPECT_EQ(after_a[kSeparator], 0);
  // After <bos>: a 2: C = 2, T = 1.
  EXPECT_NEAR(after(model, {kBos})[4], 2.0 / 3 + a1 / 3, kFloat);
  // A context that was never seen falls back to the shorter one.
  EXPECT_NEAR(after(model, {kUnknown})[5], b1, kFloat);
}

TEST_F(Ngram, AbsoluteDiscountingByHand) {
  auto model = trained({{"order", 2}, {"smoothing", "absolute_discounting"}, {"discount", 0.5}},
                       {{"", "ab"}, {"", "aa"}});
  // P(w) = (c - 1/2)/6 + (1/2 * 3/6) * 1/4.
  const double a1 = 2.5 / 6 + 1.0 / 16, b1 = 0.5 / 6 + 1.0 / 16;
  const auto after_a = after(model, {kBos, 4});
  EXPECT_NEAR(after_a[4], 0.5 / 3 + 0.5 * a1, kFloat);
  EXPECT_NEAR(after_a[5], 0.5 / 3 + 0.5 * b1, kFloat);
}

TEST_F(Ngram, EveryDistributionSumsToOne) {
  const std::vector<plugin::TrainingExample> train = {
      {"", "the cat sat on the mat"}, {"eine Katze", "a cat"}, {"", "猫坐在垫子上 🐈"}};
  for (const auto* smoothing : {"witten_bell", "absolute_discounting"}) {
    for (int order = 1; order <= 12; ++order) {
      auto model = trained({{"order", order}, {"smoothing", smoothing}}, train);
      auto state = model.open_state({});
      for (const auto token : model.encode_prompt("eine", "the cat 猫").decoder) {
        const auto p = feed(model, state, {token});
        EXPECT_NEAR(std::accumulate(p.begin(), p.end(), 0.0), 1, 1e-5) << smoothing << order;
      }
    }
  }
}

TEST_F(Ngram, OnlyTargetsArePredicted) {
  auto model = trained({{"order", 3}}, {{"xy", "ab"}});
  const auto p = after(model, model.encode_prompt("xy", "").decoder);
  const auto x = model.encode("x")[0], a = model.encode("a")[0];
  EXPECT_GT(p[a], 0.7);
  // x is in the vocabulary but only ever read, so all it has is its share of the uniform floor.
  EXPECT_DOUBLE_EQ(p[x], p[kUnknown]);
}

TEST_F(Ngram, PromptsAndText) {
  auto model = trained({}, {{"猫", "a🐈"}});
  EXPECT_EQ(model.facts().vocab_size, 7U);
  EXPECT_THAT(model.encode_prompt("猫", "a").decoder, ElementsAre(kBos, 5, kSeparator, 4));
  EXPECT_THAT(model.encode_prompt("", "").decoder, ElementsAre(kBos));
  EXPECT_TRUE(model.encode_prompt("猫", "").encoder.empty());
  EXPECT_THAT(model.encode("a🐈z"), ElementsAre(4, 6, kUnknown));
  EXPECT_EQ(model.decode(Tokens{kBos, 5, kSeparator, 6, kEos}), "猫🐈");
  EXPECT_EQ(model.token_text(6), "🐈");
  EXPECT_EQ(model.token_text(kEos), "<eos>");
  EXPECT_EQ(model.token_text(kUnknown), "<unk>");
}

TEST_F(Ngram, BytesRoundTripAndBadSequencesAreReplaced) {
  auto model = trained({{"tokenizer", "byte"}}, {{"", "x"}});
  EXPECT_EQ(model.facts().vocab_size, 259U);
  const std::string text("é猫🐈\0\n", 11);
  EXPECT_EQ(model.decode(model.encode(text)), text);
  // The first two bytes of 猫, then a lone continuation byte: one U+FFFD each (Unicode 3.9).
  EXPECT_EQ(model.decode(model.encode("\xE7\x8C!\x80")), "\uFFFD!\uFFFD");
  EXPECT_EQ(model.token_text(3 + 0xE7), "<0xE7>");
  EXPECT_EQ(model.token_text(3 + 'x'), "x");
}

TEST_F(Ngram, InvalidUtf8IsReadAsReplacementCharacters) {
  auto model = trained({}, {{"", "a\xFF"}});
  EXPECT_EQ(model.decode(model.encode("a\xC0\xED\xA0\x80")), "a\uFFFD\uFFFD\uFFFD\uFFFD");
}

TEST_F(Ngram, ForksAreIndependentAndBatchesChangeNothing) {
  auto model = trained({{"order", 5}}, {{"", "abcabdabcabe"}});
  auto first = model.open_state({});
  feed(model, first, model.encode_prompt("", "ab").decoder);
  auto second = model.fork(first);
  const auto straight = feed(model, first, model.encode("c"));
  feed(model, second, model.encode("d"));
  EXPECT_EQ(straight, after(model, model.encode_prompt("", "abc").decoder));

  // All rows of a ragged batch at once, equal to the bit to one token at a time.
  const auto tokens = model.encode_prompt("", "abcabd").decoder;
  const auto vocab_size = model.facts().vocab_size;
  auto whole = model.open_state({}), part = model.open_state({});
  std::vector<float> rows(tokens.size() * vocab_size), last(vocab_size);
  std::vector<trellis_feed_item> items = {
      {whole.get(), tokens.data(), tokens.size(), rows.data(), nullptr, tokens.size()},
      {part.get(), tokens.data(), 2, last.data(), nullptr, 1}};
  model.feed(items);
  auto step = model.open_state({});
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    std::vector<float> row(vocab_size);
    trellis_feed_item item{step.get(), &tokens[i], 1, row.data(), nullptr, 1};
    model.feed({&item, 1});
    EXPECT_TRUE(std::equal(row.begin(), row.end(), rows.begin() + i * vocab_size)) << i;
    if (i == 1) {
      EXPECT_EQ(row, last);
    }
  }
}

TEST_F(Ngram, LossIsTheMeanOfTheLogProbabilities) {
  auto model = trained({{"order", 3}}, {{"q", "abab"}, {"", "ba"}}, {{"q", "az"}});
  ASSERT_EQ(points_.size(), 2U);
  EXPECT_EQ(points_[0]["split"], "train");
  EXPECT_EQ(points_[0]["tokens"], 8);
  EXPECT_EQ(points_[1]["split"], "valid");
  auto state = model.open_state({});
  double sum = 0;
  Tokens prompt = model.encode_prompt("q", "").decoder;
  for (const std::int32_t next : {model.encode("a")[0], kUnknown, kEos}) {
    sum -= std::log(feed(model, state, prompt)[next]);
    prompt = {next};
  }
  EXPECT_NEAR(points_[1]["loss"].get<double>(), sum / 3, kFloat);
}

TEST_F(Ngram, TheSameDataGivesTheSameWeightsAndAFolderGivesThemBack) {
  const std::vector<plugin::TrainingExample> data = {{"", "abcabd"}, {"源", "目标"}};
  auto model = trained({{"order", 6}, {"smoothing", "absolute_discounting"}}, data);
  const auto again = trained({{"order", 6}, {"smoothing", "absolute_discounting"}}, data);
  EXPECT_EQ(model.facts().json, again.facts().json);
  EXPECT_EQ(model.facts().weights_hash.size(), 32U);
  auto loaded = load();
  EXPECT_EQ(loaded.facts().json, model.facts().json);
  EXPECT_EQ(loaded.facts().json["specification"]["discount"], 0.75);
  for (const auto* prefix : {"", "abc", "目"}) {
    const auto tokens = model.encode_prompt("源", prefix).decoder;
    EXPECT_EQ(after(loaded, tokens), after(model, tokens));
  }
  const auto other = trained({{"order", 6}, {"smoothing", "absolute_discounting"}}, {{"", "b"}});
  EXPECT_NE(other.facts().weights_hash, model.facts().weights_hash);
  // The older counts are gone, and no unfinished file is left.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_ / "model"), {}), 2);
}

TEST_F(Ngram, BrokenFoldersAreRefused) {
  EXPECT_THAT(message_of([&] { load(); }), HasSubstr("model.json: cannot be read: No such file"));
  trained({}, {{"", "abc"}});
  const auto json = folder_ / "model/model.json";
  const auto good_json = read_file(json), good_counts = read_file(counts_file());

  for (std::size_t size = 0; size < good_counts.size(); ++size) {
    write_file(counts_file(), good_counts.substr(0, size));
    ASSERT_THAT(message_of([&] { load(); }), HasSubstr("truncated")) << size;
  }
  for (std::size_t place = 0; place < good_counts.size(); ++place) {
    auto bytes = good_counts;
    bytes[place] = static_cast<char>(bytes[place] ^ 0x40);
    write_file(counts_file(), bytes);
    ASSERT_THAT(message_of([&] { load(); }), HasSubstr("not the counts")) << place;
  }
  write_file(counts_file(), good_counts);
  for (std::size_t size = 0; size + 2 < good_json.size(); ++size) {
    write_file(json, good_json.substr(0, size));
    ASSERT_THAT(message_of([&] { load(); }), HasSubstr("model.json:")) << size;
  }
  const auto refused = [&](const char* key, const nlohmann::json& value) {
    auto changed = nlohmann::json::parse(good_json);
    changed[key] = value;
    write_file(json, changed.dump());
    return message_of([&] { load(); });
  };
  EXPECT_THAT(refused("format", "trellis.ngram/9"), HasSubstr("train again"));
  EXPECT_THAT(refused("counts", "../elsewhere.bin"), HasSubstr("not a file name"));
  EXPECT_THAT(refused("counts", "counts-0.bin"), HasSubstr("cannot be read"));
  EXPECT_THAT(refused("code_points", {3, 2, 1}), HasSubstr("code_points"));
  EXPECT_THAT(refused("code_points", {1.5}), HasSubstr("code_points"));
  EXPECT_THAT(refused("specification", {{"order", 99}}), HasSubstr("specification"));
  std::filesystem::remove(counts_file());
  write_file(json, good_json);
  EXPECT_THAT(message_of([&] { load(); }), HasSubstr("cannot be read"));
}

TEST_F(Ngram, MisuseIsRefused) {
  auto fresh = make({});
  EXPECT_EQ(fresh.facts().vocab_size, 0U);
  EXPECT_THAT(message_of([&] { fresh.encode("a"); }), HasSubstr("no vocabulary yet"));
  EXPECT_THAT(message_of([&] { fresh.encode_prompt("", ""); }), HasSubstr("no vocabulary yet"));
  EXPECT_THAT(message_of([&] { fresh.open_state({}); }), HasSubstr("no vocabulary yet"));
  EXPECT_THAT(message_of([&] { fresh.save(folder_ / "fresh"); }), HasSubstr("no vocabulary yet"));
  EXPECT_THAT(message_of([&] { trained({}, {}); }), HasSubstr("no training examples"));
  EXPECT_THAT(message_of([&] { trained({}, {{"", ""}}); }), HasSubstr("example is empty"));

  auto model = trained({}, {{"", "abc"}});
  EXPECT_THAT(message_of([&] { model.decode(Tokens{7}); }), HasSubstr("outside the vocabulary"));
  EXPECT_THAT(message_of([&] { model.token_text(-1); }), HasSubstr("outside the vocabulary"));
  EXPECT_THAT(message_of([&] { after(model, {99}); }), HasSubstr("outside the vocabulary of 7"));
  EXPECT_THAT(message_of([&] { model.open_state(Tokens{1}); }), HasSubstr("has no encoder"));
  EXPECT_EQ(model.ability("trellis.model.attention/1"), nullptr);

  write_file(folder_ / "file", "");
  EXPECT_THAT(message_of([&] { model.save(folder_ / "file/inside"); }),
              HasSubstr("cannot be made"));
  std::filesystem::create_directories(folder_ / "taken/model.json/x");
  EXPECT_THAT(message_of([&] { model.save(folder_ / "taken"); }), HasSubstr("cannot be written"));
}

TEST_F(Ngram, StoppingKeepsTheCounts) {
  auto model = make({});
  try {
    const std::vector<plugin::TrainingExample> train = {{"", "abc"}};
    model.train(train, {}, folder_ / "model", 1, [](const auto&) { return false; });
    FAIL() << "training did not stop";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::cancelled);
  }
  EXPECT_EQ(load().facts().vocab_size, 7U);
}

}  // namespace
}  // namespace trellis::tests
