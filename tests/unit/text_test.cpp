#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/text/lines.hpp"
#include "core/text/tokenizer.hpp"
#include "core/text/unicode.hpp"
#include "tests/message_of.hpp"

namespace trellis::text {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kTexts[] = {"The cat sat on the mat. The cat can't see 42 dogs!",
                                       "Die Katze saß auf der Matte.", "猫坐在垫子上。我有两只猫。",
                                       "Two  spaces,\n\ttabs and 👩‍👩‍👧 emoji 🎉"};

std::unique_ptr<Tokenizer> train(const std::string& kind, std::size_t vocab_size = 400) {
  TokenizerOptions options;
  options.kind = kind;
  options.vocab_size = vocab_size;
  return train_tokenizer(options, kTexts);
}

TEST(Unicode, FindsTheFirstInvalidByte) {
  EXPECT_EQ(find_invalid_utf8("Grüße 猫 🎉"), std::nullopt);
  EXPECT_EQ(find_invalid_utf8("ab\xFF"), 2U);
  EXPECT_EQ(find_invalid_utf8("\xC3\xA4\xED\xA0\x80"), 2U);  // a surrogate is no character
  EXPECT_EQ(find_invalid_utf8("\xC0\x80"), 0U);              // an over-long NUL
}

TEST(Unicode, ReplacesMaximalSubparts) {
  EXPECT_EQ(replace_invalid_utf8("a\xE7\x8C"), "a\xEF\xBF\xBD");
  EXPECT_EQ(replace_invalid_utf8("\xFF\xFE"), "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(Unicode, LowersAsPythonDoes) {
  EXPECT_EQ(to_lower("ÄSOP ΣΑΣ"), "äsop σας");  // a final sigma
  EXPECT_EQ(to_lower("İ"), "i\xCC\x87");        // one code point becomes two
  EXPECT_EQ(to_lower("I"), "i");
}

TEST(Unicode, SplitsAtPythonsWhiteSpace) {
  EXPECT_THAT(split_white_space(" a\xE3\x80\x80"
                                "b\x1C"
                                "c\xC2\x85"),
              ElementsAre("a", "b", "c"));
  EXPECT_EQ(strip("\xC2\xA0 x \n"), "x");
}

TEST(Tokenizer, GivesBackWhatItWasTrainedOn) {
  for (const std::string kind : {"word", "character", "bpe"}) {
    const auto tokenizer = train(kind);
    for (const auto text : kTexts) {
      EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text) << kind;
    }
    EXPECT_TRUE(tokenizer->encode("").empty()) << kind;
  }
}

TEST(Tokenizer, SurvivesItsJson) {
  for (const std::string kind : {"word", "character", "bpe"}) {
    const auto tokenizer = train(kind);
    const auto copy = tokenizer_from_json(nlohmann::json::parse(tokenizer->to_json().dump()));
    ASSERT_EQ(copy->vocab_size(), tokenizer->vocab_size()) << kind;
    for (const auto text : kTexts) EXPECT_EQ(copy->encode(text), tokenizer->encode(text)) << kind;
  }
}

TEST(Tokenizer, LearnsTheMostFrequentPairFirst) {
  TokenizerOptions options;
  options.vocab_size = kSpecialCount + 256 + 2;
  const std::string_view texts[] = {"abab abab xyxyxy"};
  const auto tokenizer = train_tokenizer(options, texts);
  // "ab" stands 4 times, "xy" 3 times; then "abab" twice, but "xy" was more frequent.
  const auto tokens = tokenizer->encode("abxy");
  ASSERT_EQ(tokens.size(), 2U);
  EXPECT_EQ(tokenizer->token_text(tokens[0]), "ab");
  EXPECT_EQ(tokens[0], kSpecialCount + 256);
  EXPECT_EQ(tokenizer->token_text(tokens[1]), "xy");
}

TEST(Tokenizer, BytesOfUnseenTextAreNeverUnknown) {
  const auto tokenizer = train("bpe", kSpecialCount + 256);
  const std::string text = "ñandú 火 🦊";
  const auto tokens = tokenizer->encode(text);
  EXPECT_EQ(tokens.size(), text.size());
  EXPECT_EQ(tokenizer->decode(tokens), text);
  EXPECT_EQ(tokenizer->decode(std::span(tokens).first(tokens.size() - 1)), "ñandú 火 \xEF\xBF\xBD");
}

TEST(Tokenizer, UnknownWordsAreMarked) {
  const auto tokenizer = train("word");
  const auto tokens = tokenizer->encode("The zebra");
  EXPECT_THAT(tokens, ElementsAre(testing::_, kUnknown));
  EXPECT_EQ(tokenizer->decode(tokens), "The <unk>");
}

TEST(Tokenizer, ALongWordIsEncodedInReasonableTime) {
  const auto tokenizer = train("bpe");
  const std::string word(1 << 20, 'a');
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(word)), word);
}

TEST(Tokenizer, RefusesAVocabularyWithoutRoom) {
  EXPECT_THROW(train("bpe", 100), Error);
  EXPECT_THROW(train("syllable"), Error);
  EXPECT_THROW(tokenizer_from_json({{"kind", "word"}}), Error);
}

class Lines : public testing::Test {
 protected:
  Lines() {
    auto pattern = (std::filesystem::temp_directory_path() / "trellis-lines-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~Lines() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path file(const std::string& name, const std::string& content) const {
    const auto path = folder_ / name;
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  static std::vector<std::string> read(const std::filesystem::path& path) {
    std::vector<std::string> lines;
    for_each_line(path, [&](std::size_t, std::string_view line) { lines.emplace_back(line); });
    return lines;
  }
  static std::string message(const std::filesystem::path& path) {
    return tests::message_of(
        [&] { for_each_json_line(path, [](std::size_t, const nlohmann::json&) {}); });
  }
  std::filesystem::path folder_;
};

TEST_F(Lines, OnlyLineFeedsEndALine) {
  EXPECT_THAT(read(file("a", "\xEF\xBB\xBFone\r\ntwo\xE2\x80\xA8still two\n\nfour")),
              ElementsAre("one", "two\xE2\x80\xA8still two", "", "four"));
}

TEST_F(Lines, ReadsCompressedFiles) {
  const auto path = file("b.gz", "");
  gzFile gz = gzopen(path.c_str(), "wb");
  gzputs(gz, "猫\nHund\n");
  gzclose(gz);
  EXPECT_THAT(read(path), ElementsAre("猫", "Hund"));
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 9);
  EXPECT_THAT(message(path), HasSubstr("gzip"));
}

TEST_F(Lines, SaysWhereTheTroubleIs) {
  EXPECT_THAT(message(file("c", "{}\n{\"a\": \"ä\xFF\"}\n")), HasSubstr(":2:9: invalid UTF-8"));
  EXPECT_THAT(message(file("d", "{\"a\": 1}\n{\"a\": }\n")), HasSubstr(":2:"));
  EXPECT_THAT(message(file("e", "[1]\n")), HasSubstr(":1:1: expected one JSON object"));
  EXPECT_THAT(message(file("f", std::string(kLongestLine + 1, 'x'))), HasSubstr(":1:"));
  EXPECT_THAT(message("no/such/file"), HasSubstr("No such file"));
}

}  // namespace
}  // namespace trellis::text
