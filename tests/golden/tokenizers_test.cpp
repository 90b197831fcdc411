// Tokenizers of published models against the packages that they were made with: ids, where each
// token comes from, special tokens around, and the way back, string by string.
#include <filesystem>
#include <fstream>

#include "core/text/published_tokenizer.hpp"
#include "core/text/unicode.hpp"
#include "tests/golden/metrics_golden.hpp"

namespace trellis::text {
namespace {

using nlohmann::json;

std::filesystem::path tokenizers_folder() {
  const char* chosen = std::getenv("TRELLIS_GOLDENS");
  return std::filesystem::path(chosen != nullptr ? chosen : TRELLIS_SOURCE_DIR "/tests/golden") /
         "tokenizers";
}

/// Cases of a file; its first line says how it was made.
std::vector<json> read_cases(const std::string& name) {
  std::ifstream file(tokenizers_folder() / (name + ".jsonl"));
  std::vector<json> cases;
  std::string line;
  for (bool first = true; std::getline(file, line); first = false) {
    if (!first) cases.push_back(json::parse(line));
  }
  return cases;
}

/// How many code points begin before each byte.
std::vector<std::uint32_t> code_points_before(std::string_view text) {
  std::vector<std::uint32_t> before;
  std::uint32_t count = 0;
  for (const char byte : text) {
    before.push_back(count);
    if ((static_cast<unsigned char>(byte) & 0xC0U) != 0x80U) ++count;
  }
  before.push_back(count);
  return before;
}

using Ids = std::vector<std::int32_t>;

class PublishedTokenizer : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Tokenizer> tokenizer_ = load_tokenizer(tokenizers_folder() / GetParam());
  std::vector<json> cases_ = read_cases(GetParam());
};

TEST_P(PublishedTokenizer, GivesTheSameIds) {
  ASSERT_GE(cases_.size(), 100U);
  for (const auto& expected : cases_) {
    if (expected.contains("pair")) continue;
    const auto text = expected.at("text").get<std::string>();
    const auto ids = expected.at("ids").get<Ids>();
    EXPECT_EQ(tokenizer_->encode(text), ids) << text;
    EXPECT_EQ(tokenizer_->encode_with_ranges(text).tokens, ids) << text;
    EXPECT_EQ(tokenizer_->encode(text, {.add_special_tokens = true}),
              expected.value("ids_special", ids))
        << text;
    if (!expected.contains("with_bos_eos")) continue;
    const SpecialTokens special = tokenizer_->special_tokens();
    Ids around = ids;
    around.insert(around.begin(), special.begin.value());
    around.push_back(special.end.value());
    EXPECT_EQ(around, expected.at("with_bos_eos").get<Ids>()) << text;
  }
}

TEST_P(PublishedTokenizer, KnowsWhereEachTokenComesFrom) {
  for (const auto& expected : cases_) {
    if (!expected.contains("cp")) continue;
    const auto text = expected.at("text").get<std::string>();
    const auto before = code_points_before(text);
    std::vector<std::array<std::uint32_t, 2>> bytes;
    std::vector<std::array<std::uint32_t, 2>> code_points;
    for (const auto& [begin, end] : tokenizer_->encode_with_ranges(text).ranges) {
      ASSERT_LE(end, text.size());
      bytes.push_back({begin, end});
      code_points.push_back({before[begin], before[end]});
    }
    if (expected.contains("b")) {
      EXPECT_EQ(json(bytes), expected.at("b")) << text;
    }
    const auto around = tokenizer_->encode_with_ranges(text, {.add_special_tokens = true});
    ASSERT_EQ(around.tokens.size(), around.ranges.size());
    EXPECT_EQ(json(code_points), expected.at("cp")) << text;
  }
}

TEST_P(PublishedTokenizer, GivesTheTextBack) {
  for (const auto& expected : cases_) {
    if (expected.contains("pair")) continue;
    const auto text = expected.at("text").get<std::string>();
    const auto ids = expected.at("ids").get<Ids>();
    const auto& decoded = expected.at("decoded");
    EXPECT_EQ(tokenizer_->decode(ids, true), decoded == true ? text : decoded.get<std::string>());
    if (!expected.contains("decoded_prefixes")) continue;
    std::vector<std::string> prefixes;
    for (std::size_t count = 1; count <= ids.size(); ++count) {
      prefixes.push_back(tokenizer_->decode(std::span(ids).first(count), true));
    }
    EXPECT_EQ(json(prefixes), expected.at("decoded_prefixes")) << text;
  }
}

TEST_P(PublishedTokenizer, StreamsWholeCharacters) {
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  for (const auto& expected : cases_) {
    if (expected.contains("pair")) continue;
    const auto ids = expected.at("ids").get<Ids>();
    const auto whole = tokenizer_->decode(ids, true);
    StreamingDecoder stream(*tokenizer_, true);
    std::string streamed;
    for (const auto id : ids) {
      const auto piece = stream.push(id);
      ASSERT_FALSE(find_invalid_utf8(piece));
      if (whole.find(kReplacement) == std::string::npos) {
        ASSERT_EQ(piece.find(kReplacement), std::string::npos) << whole;
      }
      streamed += piece;
    }
    streamed += stream.finish();
    EXPECT_EQ(streamed, whole);
  }
}

TEST_P(PublishedTokenizer, PutsPairsTogether) {
  for (const auto& expected : cases_) {
    if (!expected.contains("pair")) continue;
    const auto& pair = expected.at("pair");
    const auto actual =
        tokenizer_->encode_pair(pair[0].get<std::string>(), pair[1].get<std::string>());
    EXPECT_EQ(actual.tokens, expected.at("ids_special").get<Ids>()) << pair;
    EXPECT_EQ(actual.segments, expected.at("type_ids").get<Ids>()) << pair;
    EXPECT_EQ(Ids(actual.added.begin(), actual.added.end()), expected.at("special_mask").get<Ids>())
        << pair;
  }
}

TEST_P(PublishedTokenizer, SurvivesItsJson) {
  const auto again = tokenizer_from_json(json::parse(tokenizer_->to_json().dump()));
  ASSERT_EQ(again->vocab_size(), tokenizer_->vocab_size());
  for (const auto& expected : cases_) {
    if (expected.contains("pair")) continue;
    EXPECT_EQ(again->encode(expected.at("text").get<std::string>()), expected.at("ids").get<Ids>());
  }
}

/// The folders that are there: a set may hold others than this repository's.
std::vector<std::string> published_tokenizers() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(tokenizers_folder())) {
    if (entry.is_directory()) names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

INSTANTIATE_TEST_SUITE_P(References, PublishedTokenizer, testing::ValuesIn(published_tokenizers()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace trellis::text
