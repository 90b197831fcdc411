// Tokenizers of published models on files small enough to work out by hand; the golden tests have
// those that were trained.
#include "core/text/published_tokenizer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/error.hpp"

namespace trellis::text {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Ids = std::vector<std::int32_t>;
using nlohmann::json;

json byte_pairs() {
  return json::parse(R"({
    "added_tokens": [{"id": 0, "content": "<|end|>", "special": true, "normalized": false}],
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
    "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE", "vocab": {"<|end|>": 0, "a": 1, "b": 2, "c": 3, "Ġ": 4, "ab": 5,
              "bc": 6, "Ġab": 7, "Ã": 8, "¤": 9, "abc": 10, "1": 11, "2": 12},
              "merges": ["b c", "a b", "Ġ ab"]}})");
}

std::unique_ptr<Tokenizer> read(const json& file) {
  return read_huggingface_tokenizer(file.dump());
}

std::string refusal(const std::string& file) {
  try {
    read_huggingface_tokenizer(file);
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::bad_data);
    return error.what();
  }
  return "accepted";
}

TEST(PublishedTokenizer, MergesInOrderOfRank) {
  const auto tokenizer = read(byte_pairs());
  EXPECT_THAT(tokenizer->encode("ab"), ElementsAre(5));
  EXPECT_THAT(tokenizer->encode("abc"), ElementsAre(1, 6));  // "b c" goes first
  EXPECT_THAT(tokenizer->encode(" ab a"), ElementsAre(7, 4, 1));
  EXPECT_EQ(tokenizer->decode(Ids{7, 4, 1}), " ab a");
}

TEST(PublishedTokenizer, MayTakeWholeTokensBeforeMerges) {
  auto file = byte_pairs();
  file["model"]["ignore_merges"] = true;
  EXPECT_THAT(read(file)->encode("abc"), ElementsAre(10));
}

TEST(PublishedTokenizer, BytesOfOneCharacterHaveItsRange) {
  const auto encoding = read(byte_pairs())->encode_with_ranges("aä<|end|>");
  EXPECT_THAT(encoding.tokens, ElementsAre(1, 8, 9, 0));
  EXPECT_THAT(encoding.ranges,
              ElementsAre(ByteRange{0, 1}, ByteRange{1, 3}, ByteRange{1, 3}, ByteRange{3, 10}));
}

TEST(PublishedTokenizer, StreamsNoHalfCharacter) {
  const auto tokenizer = read(byte_pairs());
  StreamingDecoder stream(*tokenizer);
  EXPECT_EQ(stream.push(1), "a");
  EXPECT_EQ(stream.push(8), "");
  EXPECT_EQ(stream.push(9), "ä");
  EXPECT_EQ(stream.push(0), "");  // special
  EXPECT_EQ(stream.push(8), "");
  EXPECT_EQ(stream.finish(), "\xEF\xBF\xBD");
}

TEST(PublishedTokenizer, SpecialTokensAreTextWhereTheyAreNotParsed) {
  auto file = byte_pairs();
  file["model"]["vocab"]["<"] = 13;
  file["model"]["vocab"]["|"] = 14;
  const auto tokenizer = read(file);
  EXPECT_THAT(tokenizer->encode("a<|end|>"), ElementsAre(1, 0));
  EXPECT_THAT(tokenizer->encode("a<|", {.parse_special_tokens = false}), ElementsAre(1, 13, 14));
  EXPECT_THAT(tokenizer->encode("<|end|>", {.parse_special_tokens = false}),
              ElementsAre(13, 14, 14));  // "e", "n", "d" and ">" are no tokens here
  EXPECT_EQ(tokenizer->decode(Ids{1, 0}), "a");
  EXPECT_EQ(tokenizer->decode(Ids{1, 0}, true), "a<|end|>");
  EXPECT_EQ(tokenizer->find_token("<|end|>"), 0);
}

TEST(PublishedTokenizer, CutsByThePatternOfTheFile) {
  auto file = byte_pairs();
  file["pre_tokenizer"] = json::parse(R"({"type": "Sequence", "pretokenizers": [
      {"type": "Split", "pattern": {"Regex": "[ab]"}, "behavior": "Isolated", "invert": false},
      {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})");
  EXPECT_THAT(read(file)->encode("ab"), ElementsAre(1, 2));
  file["pre_tokenizer"]["pretokenizers"][0]["behavior"] = "MergedWithNext";
  EXPECT_THAT(read(file)->encode("bc"), ElementsAre(6));
  file["pre_tokenizer"]["pretokenizers"][0]["pattern"] = {{"Regex", "^b"}};
  // "^" is at every line: no merge crosses the cut before it, and "\n" has no token.
  EXPECT_THAT(read(file)->encode("a\nb"), ElementsAre(1, 2));
}

TEST(PublishedTokenizer, AddedWordsTakeTheirSpaces) {
  auto file = byte_pairs();
  file["added_tokens"].push_back(
      {{"id", 13}, {"content", "b"}, {"single_word", true}, {"lstrip", true}});
  const auto encoding = read(file)->encode_with_ranges("a  b ab");
  EXPECT_THAT(encoding.tokens, ElementsAre(1, 13, 7));
  EXPECT_EQ(encoding.ranges[1], (ByteRange{1, 4}));
}

TEST(PublishedTokenizer, NamesWhatItDoesNotKnow) {
  auto file = byte_pairs();
  file["model"]["type"] = "Morphemes";
  EXPECT_THAT(refusal(file.dump()), HasSubstr("unknown model \"Morphemes\": known are BPE"));
  file = byte_pairs();
  file["normalizer"] = {{"type", "Rot13"}};
  EXPECT_THAT(refusal(file.dump()), HasSubstr("unknown normalizer \"Rot13\""));
  file = byte_pairs();
  file["model"]["merges"].push_back("a z");
  EXPECT_THAT(refusal(file.dump()), HasSubstr("a merge's part \"z\" is not in its vocabulary"));
  file = byte_pairs();
  file["model"]["vocab"]["a"] = 4000000;
  EXPECT_THAT(refusal(file.dump()), HasSubstr("the token \"a\" has the impossible id 4000000"));
  file = byte_pairs();
  file["model"]["vocab"]["a"] = 2;
  EXPECT_THAT(refusal(file.dump()), HasSubstr("the id 2 has two tokens"));
  EXPECT_THAT(refusal(byte_pairs().dump().substr(0, 100)), HasSubstr("not a whole tokenizer.json"));
  EXPECT_THAT(refusal(std::string(1000, '[')), HasSubstr("nested deeper"));
}

TEST(PublishedTokenizer, SaysWhichFileIsMissing) {
  try {
    load_tokenizer("/nowhere/at/all");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::missing);
    EXPECT_THAT(error.what(), HasSubstr("/nowhere/at/all"));
  }
}

}  // namespace
}  // namespace trellis::text
