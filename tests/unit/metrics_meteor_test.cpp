/// METEOR by hand, and WordNet's files.
#include "core/metrics/meteor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "core/error.hpp"
#include "core/metrics/wordnet.hpp"
#include "core/text/unicode.hpp"

namespace trellis::metrics {
namespace {

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> words;
  for (const auto word : text::split_white_space(text)) words.emplace_back(word);
  return words;
}

bool never(const std::string&, const std::string&) {
  return false;
}

SampleValue score(std::string_view output, const std::vector<std::string>& references,
                  const Synonymous& synonymous = never) {
  std::vector<std::vector<std::string>> all;
  all.reserve(references.size());
  for (const auto& reference : references) all.push_back(split(reference));
  return meteor(split(output), all, synonymous);
}

TEST(Meteor, OfTheReferenceItselfHasOneChunk) {
  // F = 1; the penalty of one chunk of six is 0.5 / 216.
  const auto same = score("the cat sat on the mat", {"the cat sat on the mat"});
  EXPECT_THAT(same.statistics, testing::ElementsAre(6, 6, 6, 1));
  EXPECT_NEAR(*same.value, 1 - 0.5 / 216, 1e-12);
}

TEST(Meteor, CountsChunks) {
  // The fewest crossings are eight: of the two words "the" the first goes with the first. Then no
  // two pairs stand together: six chunks of six pairs, so the penalty is one half.
  const auto moved = score("on the mat sat the cat", {"the cat sat on the mat"});
  EXPECT_THAT(moved.statistics, testing::ElementsAre(6, 6, 6, 6));
  EXPECT_NEAR(*moved.value, 0.5, 1e-12);
  // "the cat" and "sat on the mat": P = 6/7, R = 1, F = 0.9836; two chunks, penalty 0.0185.
  const auto longer = score("the cat was sat on the mat", {"the cat sat on the mat"});
  EXPECT_THAT(longer.statistics, testing::ElementsAre(6, 7, 6, 2));
  EXPECT_NEAR(*longer.value, 0.9654, 5e-5);
}

TEST(Meteor, WeighsRecallNineTimes) {
  // P = 3/3, R = 3/6: F = 10 * 0.5 / (0.5 + 9) = 5 / 9.5; one chunk of three.
  EXPECT_NEAR(*score("the cat sat", {"the cat sat on the mat"}).value, 5 / 9.5 * (1 - 0.5 / 27),
              1e-12);
  // P = 3/6, R = 3/3: F = 10 * 0.5 / (1 + 4.5) = 5 / 5.5.
  EXPECT_NEAR(*score("the cat sat on the mat", {"the cat sat"}).value, 5 / 5.5 * (1 - 0.5 / 27),
              1e-12);
}

TEST(Meteor, TakesTheFewestCrossings) {
  // Both words "the" of the output fit both of the reference; in order nothing crosses.
  EXPECT_THAT(score("the dog the", {"the a the"}).statistics, testing::ElementsAre(2, 3, 3, 2));
  // The second "b" alone leaves "a b" in one chunk.
  EXPECT_THAT(score("a b", {"b a b"}).statistics, testing::ElementsAre(2, 2, 3, 1));
}

TEST(Meteor, TakesStemsThenSynonymsOfWhatIsLeft) {
  const auto synonymous = [](const std::string& a, const std::string& b) {
    return (a == "quick" && b == "fast") || (a == "fast" && b == "quick");
  };
  // "dogs" and "dog" have one stem.
  EXPECT_THAT(score("dogs run", {"dog runs"}).statistics, testing::ElementsAre(2, 2, 2, 1));
  EXPECT_THAT(score("quick dogs", {"fast dog"}, synonymous).statistics,
              testing::ElementsAre(2, 2, 2, 1));
  // "fast" is its own first: "quick" finds nothing left.
  EXPECT_THAT(score("quick fast", {"fast"}, synonymous).statistics,
              testing::ElementsAre(1, 2, 1, 1));
}

TEST(Meteor, TakesTheBestReference) {
  const auto best = score("a b c", {"x y z", "a b c d", "a"});
  EXPECT_THAT(best.statistics, testing::ElementsAre(3, 3, 4, 1));
  EXPECT_EQ(score("x", {"y"}).value, 0);
  EXPECT_EQ(score("", {"y"}).value, 0);
  EXPECT_EQ(score("x", {}).value, std::nullopt);
}

TEST(Meteor, OfManyIsThatOfTheirSums) {
  const auto a = score("the cat", {"the cat"});
  const auto b = score("x", {"y"});
  // Two pairs, P = R = 2/3, one chunk: 2/3 * (1 - 0.5 / 8).
  EXPECT_NEAR(*corpus_value("meteor", std::vector{a, b}), 2.0 / 3 * (1 - 0.5 / 8), 1e-12);
}

class WordNetTest : public testing::Test {
 protected:
  WordNetTest() { std::filesystem::create_directories(folder_); }
  ~WordNetTest() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
  }
  void write_all() {
    write("index.noun",
          "  1 This is the licence.\n"
          "car n 2 2 @ ~ 2 1 02958343 02959942\n"
          "auto n 1 1 @ 1 1 02958343\n"
          "box n 1 0 1 0 02883344\n"
          "man n 1 0 1 0 10287213\n"
          "bos n 1 0 1 0 02402010\n"
          "goose n 1 0 1 0 01855672\n");
    write("index.verb", "  1\nrun v 1 1 @ 1 1 01926311\nhope v 1 0 1 0 01826723\n");
    write("index.adj", "  1\nquick a 1 1 & 1 1 00976508\nfast a 1 1 & 1 1 00976508\n");
    write("index.adv", "  1\nfast r 1 0 1 1 00086000\n");
    for (const char* part : {"verb", "adj", "adv"}) write(std::string(part) + ".exc", "");
    write("noun.exc", "geese goose\n");
  }

  std::filesystem::path folder_ = std::filesystem::path(testing::TempDir()) /
                                  (std::string("trellis-wordnet-") +
                                   testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(WordNetTest, KnowsWordsAndTheirBaseForms) {
  write_all();
  const WordNet wordnet(folder_);
  const auto synonymous = [&](std::string_view a, std::string_view b) {
    return share_a_synset(wordnet.synsets(a), wordnet.synsets(b));
  };
  EXPECT_EQ(wordnet.synsets("car").size(), 2U);
  EXPECT_TRUE(synonymous("car", "auto"));
  EXPECT_TRUE(synonymous("cars", "autos"));
  EXPECT_TRUE(synonymous("boxes", "box"));
  EXPECT_TRUE(synonymous("men", "man"));
  EXPECT_TRUE(synonymous("geese", "goose"));
  EXPECT_TRUE(synonymous("hoping", "hoped"));
  EXPECT_TRUE(synonymous("faster", "quickest"));
  EXPECT_FALSE(synonymous("car", "box"));
  EXPECT_TRUE(wordnet.synsets("nothing").empty());
  EXPECT_TRUE(wordnet.synsets("s").empty());
  EXPECT_TRUE(wordnet.synsets("boss").empty()) << "no plural ends with ss";
}

TEST_F(WordNetTest, ThatIsNotThereIsNamed) {
  try {
    const WordNet wordnet(folder_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::missing);
    EXPECT_THAT(error.what(), testing::HasSubstr("index.noun: cannot be opened; METEOR's synonyms "
                                                 "are WordNet's: install Debian's package "
                                                 "wordnet-base"));
  }
}

}  // namespace
}  // namespace trellis::metrics
