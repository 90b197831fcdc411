// SentencePiece's files, small enough to work out by hand; the golden tests have those that were
// trained.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "core/text/published_tokenizer.hpp"
#include "core/text/sentencepiece_tokenizer.hpp"
#include "tests/abi/host.hpp"
#include "tests/unit/sentencepiece_fixture.hpp"

namespace trellis::text {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using tests::message_of;
using tests::SentencePieceWriter;

std::unique_ptr<Tokenizer> read(const SentencePieceWriter& writer) {
  return make_sentencepiece_tokenizer({.model = writer.bytes()});
}

// ids: 3 mark, 4 a, 5 b, 6 ab, 7 mark a, 8 bb
void put_letters(SentencePieceWriter& writer) {
  writer.usual_pieces();
  writer.piece("\u2581", -3);
  writer.piece("a", -4);
  writer.piece("b", -4);
  writer.piece("ab", -5);
  writer.piece("\u2581a", -6);
  writer.piece("bb", -7);
}

// "_ab": _ + ab = -8, _a + b = -10, _ + a + b = -11. "_abb": _a + bb = -13, _ + ab + b = -12.
TEST(SentencePiece, UnigramTakesTheMostProbablePieces) {
  SentencePieceWriter writer(false);
  put_letters(writer);
  const auto tokenizer = read(writer);
  EXPECT_THAT(tokenizer->encode("ab"), ElementsAre(3, 6));
  EXPECT_THAT(tokenizer->encode("  abb "), ElementsAre(3, 6, 5));
  EXPECT_THAT(tokenizer->encode("a xx"), ElementsAre(7, 3, 0));  // unknown ones in a row are one
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("a xx")), "a  \u2047 ");
  EXPECT_THAT(tokenizer->encode("</s>a"), ElementsAre(3, 0, 4));  // control symbols are no text
  EXPECT_THAT(tokenizer->encode(""), ElementsAre());
}

// By score: "_abb" has the pairs _a -6, ab -5, bb -7: ab first, and then nothing fits.
TEST(SentencePiece, PairsJoinByScore) {
  SentencePieceWriter writer(true);
  put_letters(writer);
  const auto tokenizer = read(writer);
  EXPECT_THAT(tokenizer->encode("abb"), ElementsAre(3, 6, 5));
  EXPECT_THAT(tokenizer->encode("bbb"), ElementsAre(3, 8, 5));  // of equal ones the leftmost
  const Encoding found = tokenizer->encode_with_ranges("a bb");
  EXPECT_THAT(found.tokens, ElementsAre(7, 3, 8));
  EXPECT_THAT(found.ranges, ElementsAre(ByteRange{0, 1}, ByteRange{1, 2}, ByteRange{2, 4}));
}

// Unused pieces lead to longer ones, but fall apart where they are left.
TEST(SentencePiece, UnusedPiecesFallApart) {
  SentencePieceWriter writer(true);
  writer.usual_pieces();
  writer.piece("a", -3);
  writer.piece("b", -4);
  writer.piece("c", -5);
  writer.piece("ab", -1, PieceType::unused);
  writer.piece("abc", -2);
  writer.normalize_flag(3, false);
  const auto tokenizer = read(writer);
  EXPECT_THAT(tokenizer->encode("abc"), ElementsAre(7));
  EXPECT_THAT(tokenizer->encode("abab"), ElementsAre(3, 4, 3, 4));
}

// Pairs never reach across them. Unigram weighs them by their length and the best score there is,
// here "ba" 2 * -3 - 0.1: _a + ba + b = -16.1 is then worse than _ + ab + ab = -13.
TEST(SentencePiece, UserDefinedPiecesAreWholeInPairsAndWeighedInUnigrams) {
  const auto encode = [](bool bpe, std::string_view text) {
    SentencePieceWriter writer(bpe);
    put_letters(writer);
    writer.piece("ba", 0, PieceType::user_defined);
    return read(writer)->encode(text);
  };
  EXPECT_THAT(encode(true, "abab"), ElementsAre(7, 9, 5));
  EXPECT_THAT(encode(false, "abab"), ElementsAre(3, 6, 6));
  EXPECT_THAT(encode(false, "ba"), ElementsAre(3, 9));
}

TEST(SentencePiece, SpacesAreKeptWhereTheFileSaysSo) {
  SentencePieceWriter writer(true);
  put_letters(writer);
  writer.normalize_flag(3, false);  // no space before the text
  writer.normalize_flag(4, false);  // none removed
  const auto tokenizer = read(writer);
  EXPECT_THAT(tokenizer->encode(" b  b "), ElementsAre(3, 5, 3, 3, 5, 3));
  EXPECT_EQ(tokenizer->decode(std::vector<std::int32_t>{3, 5, 3, 3, 5, 3}), " b  b ");
}

TEST(SentencePiece, UnknownCharactersBecomeTheirBytes) {
  SentencePieceWriter writer(true);
  put_letters(writer);
  for (int byte = 0; byte < 256; ++byte)
    writer.piece(fmt::format("<0x{:02X}>", byte), 0, PieceType::byte);
  writer.train_flag(35, true);
  const auto tokenizer = read(writer);
  const Encoding found = tokenizer->encode_with_ranges("a\xE7\x8C\xAB");
  EXPECT_THAT(found.tokens, ElementsAre(7, 9 + 0xE7, 9 + 0x8C, 9 + 0xAB));
  EXPECT_EQ(found.ranges.back(), (ByteRange{1, 4}));
  EXPECT_EQ(tokenizer->decode(found.tokens), "a\xE7\x8C\xAB");
  EXPECT_EQ(tokenizer->decode(std::span(found.tokens).first(3)), "a\uFFFD\uFFFD");
  EXPECT_EQ(tokenizer->token_bytes(9 + 0xE7), "\xE7");
}

TEST(SentencePiece, SaysWhatIsWrongWithAFile) {
  const auto refusal = [](const std::string& bytes) {
    return message_of([&] { make_sentencepiece_tokenizer({.model = bytes}); });
  };
  SentencePieceWriter good(true);
  put_letters(good);
  EXPECT_EQ(refusal(good.bytes()), "");
  const std::string damaged = "tokenizer: not a whole SentencePiece model; fetch the model anew";
  EXPECT_EQ(refusal(""), damaged);
  EXPECT_EQ(refusal("{\"version\": 1}"), damaged);
  EXPECT_EQ(refusal(good.bytes().substr(0, good.bytes().size() - 1)), damaged);
  SentencePieceWriter twice(true);
  put_letters(twice);
  twice.piece("ab");
  EXPECT_THAT(refusal(twice.bytes()), HasSubstr("has a piece twice"));
  SentencePieceWriter nameless(false);
  nameless.piece("a");
  EXPECT_THAT(refusal(nameless.bytes()), HasSubstr("has 0 unknown pieces, not one"));
  SentencePieceWriter no_bytes(false);
  put_letters(no_bytes);
  no_bytes.train_flag(35, true);
  EXPECT_THAT(refusal(no_bytes.bytes()), HasSubstr("falls back to bytes, but has no pieces"));
}

void write(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

TEST(SentencePiece, FoldersSayWhatStandsAroundATextAndWhichIdsCount) {
  SentencePieceWriter writer(false);
  put_letters(writer);
  const EncodeOptions around = {.add_special_tokens = true};
  {
    const tests::TemporaryFolder folder;  // T5
    write(folder / "spiece.model", writer.bytes());
    EXPECT_THAT(load_tokenizer(folder.path())->encode("ab", around), ElementsAre(3, 6, 2));
    write(folder / "tokenizer_config.json", R"({"add_bos_token": true, "add_eos_token": false})");
    EXPECT_THAT(load_tokenizer(folder.path())->encode("ab", around), ElementsAre(1, 3, 6));
  }
  SentencePieceWriter target(false);
  target.usual_pieces();
  target.piece("\u2581x", -1);
  const tests::TemporaryFolder folder;  // Marian: ids of both languages in one table
  write(folder / "source.spm", writer.bytes());
  write(folder / "target.spm", target.bytes());
  write(folder / "vocab.json", R"({"</s>": 0, "<unk>": 1, "▁": 2, "ab": 3, "▁x": 4, "<pad>": 5})");
  const auto tokenizer = load_tokenizer(folder.path());
  EXPECT_EQ(tokenizer->vocab_size(), 6U);
  EXPECT_THAT(tokenizer->encode("ab b", around), ElementsAre(2, 3, 2, 1, 0));
  EXPECT_EQ(tokenizer->decode(std::vector<std::int32_t>{4, 4, 0, 5}), "x x");
  const auto again = tokenizer_from_json(tokenizer->to_json());
  EXPECT_EQ(again->encode("ab b", around), tokenizer->encode("ab b", around));
}

}  // namespace
}  // namespace trellis::text
