// What a beam search kept and dropped, by hand.
#include "core/decode/search_tree.hpp"

#include "tests/unit/decode_fixture.hpp"

namespace trellis::tests {
namespace {

using decode::SearchFate;

/// By the text from the beginning to the node.
std::map<std::string, SearchFate> fates_of(const decode::SearchTree& tree) {
  std::vector<std::string> texts;
  std::map<std::string, SearchFate> fates;
  for (const auto& node : tree.nodes) {
    auto text = node.parent ? texts[*node.parent] : std::string();
    text += node.token == kEos ? '.' : static_cast<char>('a' + node.token - 2);
    texts.push_back(text);
    fates[text] = node.fate;
  }
  return fates;
}

TEST(SearchTree, ShowsWhatBeamsKeptDroppedAndFinished) {
  // Two beams, two tokens. After one: a 0.6 and b 0.4. After two: ab 0.33 and bb 0.32, then
  // aa 0.27 and ba 0.08.
  Table table(markov(2, {{"", {{"a", 0.6}, {"b", 0.4}}},
                         {"a", {{"a", 0.45}, {"b", 0.55}}},
                         {"b", {{"a", 0.2}, {"b", 0.8}}}}));
  const auto tree = decode::search_tree(table.model, arm(strategy("beam", {{"num_beams", 2}})),
                                        prompt_of(0, "", 2), {});
  const std::map<std::string, SearchFate> expected = {{"a", SearchFate::passed},
                                                      {"b", SearchFate::passed},
                                                      {"ab", SearchFate::output},
                                                      {"bb", SearchFate::finished}};
  EXPECT_EQ(fates_of(tree), expected);
  EXPECT_EQ(tree.output, (Tokens{2, 3}));
  for (const auto& node : tree.nodes) {
    if (node.fate == SearchFate::finished) {
      EXPECT_NEAR(node.log_probability, std::log(0.8), 1e-6);
      EXPECT_NEAR(node.score, std::log(0.32) / 2, 1e-6);  // by length, as the output's
    }
  }
  EXPECT_EQ(table.counts->live, 0U);
}

TEST(SearchTree, ShowsWhereABeamWasDropped) {
  // Two beams, three tokens. After two: aa 0.33 and ab 0.27 push out b, whose best is ba 0.24.
  // After three: aaa 0.1815 and aba 0.162, then aab 0.1485 and abb 0.108.
  Table table(markov(2, {{"", {{"a", 0.6}, {"b", 0.4}}},
                         {"a", {{"a", 0.55}, {"b", 0.45}}},
                         {"b", {{"a", 0.6}, {"b", 0.4}}}}));
  const auto tree = decode::search_tree(table.model, arm(strategy("beam", {{"num_beams", 2}})),
                                        prompt_of(0, "", 3), {});
  const std::map<std::string, SearchFate> expected = {
      {"a", SearchFate::passed},  {"b", SearchFate::dropped},  {"aa", SearchFate::passed},
      {"ab", SearchFate::passed}, {"aaa", SearchFate::output}, {"aba", SearchFate::finished}};
  EXPECT_EQ(fates_of(tree), expected);
}

TEST(SearchTree, OfOneHypothesisIsItsOutput) {
  Table table(markov(2, {{"", {{"a", 1}}}, {"a", {{"b", 0.7}, {"a", 0.3}}}}));
  const auto tree =
      decode::search_tree(table.model, arm(strategy("greedy")), prompt_of(0, "", 2), {});
  const std::map<std::string, SearchFate> expected = {{"a", SearchFate::passed},
                                                      {"ab", SearchFate::output}};
  EXPECT_EQ(fates_of(tree), expected);
}

}  // namespace
}  // namespace trellis::tests
