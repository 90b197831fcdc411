/// Words as hashes, and runs of words that test data has in common with training data.
#include "experiments/word_overlap.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "core/text/words.hpp"

namespace trellis::experiments {
namespace {

std::vector<std::uint64_t> words(std::string_view text) {
  std::vector<std::uint64_t> hashes;
  text::append_word_hashes(text, hashes);
  return hashes;
}

TEST(Words, AreRunsOfLettersAndDigitsWithoutCase) {
  EXPECT_EQ(words("The cat, the CAT!").size(), 4U);
  EXPECT_EQ(words("The cat"), words("...the -- CAT?"));
  EXPECT_EQ(words("Größe ÉTÉ Ωmega"), words("GRÖßE été ωMEGA"));
  EXPECT_NE(words("ab c"), words("a bc"));
  EXPECT_EQ(words("x1 2").size(), 2U);
  EXPECT_EQ(words("किताब").size(), 1U) << "marks belong to their word";
  EXPECT_TRUE(words(" \t...😀 ").empty());
  EXPECT_TRUE(words("").empty());
}

TEST(Words, OfChineseAreCharacters) {
  EXPECT_EQ(words("床前明月光").size(), 5U);
  EXPECT_EQ(words("床前，明 月光。"), words("床前明月光"));
  EXPECT_EQ(words("iPhone手机").size(), 3U);
}

TEST(Words, InvalidBytesOnlySeparate) {
  EXPECT_EQ(words("ab\xFF"
                  "cd"),
            words("ab cd"));
  EXPECT_EQ(words("ab\xE5\xBA"), words("ab"));
}

std::vector<std::pair<std::string, double>> found(const WordOverlap& overlap) {
  std::vector<std::pair<std::string, double>> all;
  for (const auto& run : overlap.found()) all.emplace_back(run.example, run.share);
  return all;
}

TEST(WordOverlap, FindsRunsOfSourceAndTarget) {
  WordOverlap overlap(3);
  overlap.add("source", "one two three four five six", "sieben");
  overlap.add("target", "x", "eight nine ten");
  overlap.add("across", "a b", "c d");  // "b c d" is no run: source and target are apart
  overlap.add("nothing", "two three five", "");
  overlap.add("short", "one two", "");
  overlap.compare("zero ONE, two, three... 0");
  overlap.compare("Eight nine ten eleven");
  overlap.compare("a b c d");
  overlap.compare("four five");
  overlap.compare("");
  EXPECT_EQ(overlap.comparable(), 3U);
  EXPECT_THAT(found(overlap), testing::ElementsAre(testing::Pair("source", 3.0 / 7),
                                                   testing::Pair("target", 0.75)));
}

TEST(WordOverlap, CountsAWordOfTwoRunsOnce) {
  WordOverlap overlap(2);
  overlap.add("all", "a b c d", "");
  overlap.add("same", "a b x a b", "");
  overlap.compare("b c d");
  overlap.compare("a b");
  overlap.compare("a b");
  EXPECT_THAT(found(overlap),
              testing::ElementsAre(testing::Pair("all", 1.0), testing::Pair("same", 0.8)));
}

TEST(WordOverlap, WhatManyExamplesShareTellsNothing) {
  WordOverlap overlap(4);
  for (const char* answer : {"zwei", "drei", "vier fünf sechs sieben"}) {
    overlap.add(answer, "", std::string("Translate this into German : ") + answer);
  }
  overlap.add("two alone", "we saw an old mill", "");
  overlap.add("have this", "an old mill we saw an old mill", "");
  overlap.compare("Translate this into German: we saw an old mill");
  overlap.compare("vier fünf sechs sieben acht");
  // "this into German zwei" is a run of one example, and no training text has it.
  EXPECT_EQ(overlap.comparable(), 5U);
  EXPECT_THAT(found(overlap), testing::ElementsAre(testing::Pair("vier fünf sechs sieben", 0.5),
                                                   testing::Pair("two alone", 1.0),
                                                   testing::Pair("have this", 0.625)));
}

// Against sets of joined words.
TEST(WordOverlap, EqualsAPlainSearch) {
  std::mt19937 engine(3);
  const auto text = [&](std::size_t size) {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < size; ++i) all.push_back(std::string(1, "abcd"[engine() % 4]));
    return all;
  };
  const auto joined = [](auto begin, auto end) {
    std::string all;
    for (; begin != end; ++begin) all += *begin + " ";
    return all;
  };
  for (const std::size_t n : {1U, 2U, 5U, 7U}) {
    WordOverlap overlap(n);
    std::vector<std::vector<std::string>> tests;
    std::set<std::string> runs;
    for (int i = 0; i < 40; ++i) {
      tests.push_back(text(engine() % 20));
      overlap.add(std::to_string(i), joined(tests.back().begin(), tests.back().end()), "");
    }
    for (int i = 0; i < 10; ++i) {
      const auto train = text(engine() % 30);
      overlap.compare(joined(train.begin(), train.end()));
      for (auto at = train.begin(); train.end() - at >= static_cast<std::ptrdiff_t>(n); ++at) {
        runs.insert(joined(at, at + static_cast<std::ptrdiff_t>(n)));
      }
    }
    std::map<std::string, std::set<std::size_t>> having;  // of each run, the examples
    for (std::size_t i = 0; i < tests.size(); ++i) {
      for (std::size_t at = 0; at + n <= tests[i].size(); ++at) {
        const auto begin = tests[i].begin() + static_cast<std::ptrdiff_t>(at);
        having[joined(begin, begin + static_cast<std::ptrdiff_t>(n))].insert(i);
      }
    }
    for (const auto& [run, examples] : having) {
      if (examples.size() >= 3 && examples.size() * 10 > tests.size()) runs.erase(run);
    }
    std::vector<std::pair<std::string, double>> expected;
    for (std::size_t i = 0; i < tests.size(); ++i) {
      std::set<std::size_t> marked;
      for (std::size_t at = 0; at + n <= tests[i].size(); ++at) {
        const auto begin = tests[i].begin() + static_cast<std::ptrdiff_t>(at);
        if (!runs.contains(joined(begin, begin + static_cast<std::ptrdiff_t>(n)))) continue;
        for (std::size_t word = at; word < at + n; ++word) marked.insert(word);
      }
      if (marked.empty()) continue;
      expected.emplace_back(std::to_string(i), static_cast<double>(marked.size()) /
                                                   static_cast<double>(tests[i].size()));
    }
    EXPECT_EQ(found(overlap), expected) << n;
  }
}

}  // namespace
}  // namespace trellis::experiments
