/// Metrics with answers derived by hand.
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.hpp"
#include "core/metrics/answers.hpp"
#include "core/metrics/bleu.hpp"
#include "core/metrics/chrf.hpp"
#include "core/metrics/edit_similarity.hpp"
#include "core/metrics/gleu.hpp"
#include "core/metrics/pass_at_k.hpp"
#include "core/metrics/ratios.hpp"
#include "core/metrics/rouge.hpp"
#include "core/metrics/sari.hpp"
#include "core/metrics/self_bleu.hpp"
#include "core/metrics/ter.hpp"
#include "core/metrics/text_statistics.hpp"
#include "core/metrics/turns.hpp"
#include "core/text/unicode.hpp"

namespace trellis::metrics {
namespace {

using Texts = std::vector<std::string>;

std::vector<SampleValue> values(std::initializer_list<std::optional<double>> numbers) {
  std::vector<SampleValue> samples;
  for (const auto& number : numbers) samples.push_back({number, {}});
  return samples;
}

TEST(Bleu, CountsClippedMatches) {
  // "the" occurs at most twice in one reference (Papineni et al. 2002, example 2).
  const auto statistics =
      bleu_statistics("the the the the the the the",
                      Texts{"the cat is on the mat", "there is a cat on the mat"}, BleuOptions{});
  // 7 tokens; both references are 6 and 7 long: the closest has 7.
  EXPECT_EQ(statistics, (std::vector<double>{7, 7, 2, 0, 0, 0, 7, 6, 5, 4}));
}

TEST(Bleu, OfTwoEquallyCloseReferencesTheShorterCounts) {
  const auto statistics = bleu_statistics("a b c", Texts{"a b c d", "a b"}, BleuOptions{});
  EXPECT_EQ(statistics[1], 2);
}

TEST(Bleu, IsTheGeometricMeanTimesTheBrevityPenalty) {
  // Precisions 3/4, 2/3, 1/2, and 0/1 smoothed to 1/2: (3/4 * 2/3 * 1/2 * 1/2)^(1/4) = (1/8)^(1/4);
  // 4 tokens against 5: exp(1 - 5/4).
  const auto score = bleu_score(std::vector<double>{4, 5, 3, 2, 1, 0, 4, 3, 2, 1}, BleuOptions{});
  EXPECT_NEAR(score.brevity_penalty, std::exp(-0.25), 1e-15);
  EXPECT_NEAR(score.score, 100 * std::exp(-0.25) * std::pow(0.125, 0.25), 1e-12);
}

TEST(Bleu, OfAnEmptyOutputIsZeroAndOfNoReferenceUndefined) {
  EXPECT_EQ(bleu("", Texts{"a b"}).value, 0);
  EXPECT_FALSE(bleu("a b", Texts{}).value);
}

TEST(Bleu, CorpusValueIsNotTheMeanOfSentences) {
  const std::vector<SampleValue> samples{bleu("a b c d", Texts{"a b c d"}),
                                         bleu("x y z w v u", Texts{"a b c d e f"})};
  // Matches 4, 3, 2, 1 of 10, 8, 6, 4; lengths are equal.
  const double product = (4.0 / 10) * (3.0 / 8) * (2.0 / 6) * (1.0 / 4);
  EXPECT_NEAR(*corpus_value("bleu", samples), 100 * std::pow(product, 0.25), 1e-12);
}

TEST(Bleu, TokenizersAreKnownByName) {
  EXPECT_EQ(name_of(bleu_tokenizer("zh")), "zh");
  EXPECT_THROW(bleu_tokenizer("japanese"), Error);
  EXPECT_EQ(bleu_tokens("Nein, 3.5!", BleuTokenizer::mteval_13a), (Texts{"Nein", ",", "3.5", "!"}));
  EXPECT_EQ(bleu_tokens("你好ab。", BleuTokenizer::chinese), (Texts{"你", "好", "ab", "。"}));
  EXPECT_EQ(bleu_tokens("a 😀", BleuTokenizer::character), (Texts{"a", "😀"}));
}

TEST(Chrf, AveragesPrecisionAndRecallOverOrders) {
  // "ab" against "abc": order 1: 2/2 and 2/3; order 2: 1/1 and 1/2; order 3: the output has none.
  // P = 1, R = (2/3 + 1/2) / 2 = 7/12; F2 = 5 * P * R / (4 * P + R).
  const double recall = 7.0 / 12;
  EXPECT_NEAR(*chrf("ab", Texts{"a bc"}).value, 100 * 5 * recall / (4 + recall), 1e-12);
}

TEST(Chrf, TakesTheBestReference) {
  EXPECT_NEAR(*chrf("Grüße, 世界", Texts{"etwas", "Grüße, 世界"}).value, 100, 1e-12);
  EXPECT_NEAR(*chrf("Grüße, 世界", Texts{"Grüße, 世界", "etwas"}, {.word_order = 2}).value, 100,
              1e-12);
}

TEST(Ter, CountsAShiftAsOneEdit) {
  // Snover et al. 2006, section 2: the output moves "this week" (one shift), lacks "American", and
  // says "the Saudis" for "Saudi Arabia" (two substitutions): 4 edits to 13 words.
  const auto sample = ter("THIS WEEK THE SAUDIS denied information published in the new york times",
                          Texts{"SAUDI ARABIA denied THIS WEEK information published in the "
                                "AMERICAN new york times"});
  EXPECT_EQ(sample.statistics, (std::vector<double>{4, 13}));
  EXPECT_NEAR(*sample.value, 100 * 4.0 / 13, 1e-12);
}

TEST(Ter, OfAnEmptyReferenceIsAllOrNothing) {
  EXPECT_EQ(ter("a b", Texts{""}).value, 100);
  EXPECT_EQ(ter("", Texts{""}).value, 0);
  EXPECT_EQ(ter("", Texts{"a b"}).value, 100);
}

TEST(Rouge, CountsWordsPairsAndSubsequences) {
  // Lin 2004, section 3: "police killed the gunman" against "police kill the gunman".
  const auto scores = rouge("police kill the gunman", Texts{"police killed the gunman"}, false);
  EXPECT_NEAR(scores.rouge_1.f_measure, 3.0 / 4, 1e-15);
  EXPECT_NEAR(scores.rouge_2.f_measure, 1.0 / 3, 1e-15);
  EXPECT_NEAR(scores.rouge_l.f_measure, 3.0 / 4, 1e-15);
  // Stemmed, both verbs are "kill".
  EXPECT_EQ(
      rouge("police kill the gunman", Texts{"police killed the gunman"}, true).rouge_2.f_measure,
      1);
}

TEST(Rouge, SummaryUnitesSubsequencesOfItsLines) {
  // Lin 2004, section 3.2: w1 w2 and w1 w3 w5 together cover 4 of the reference's 5 words; the
  // summary has 5 + 5 words.
  const auto score = rouge_lsum("w1 w2 w3 w4 w5", "w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5", false);
  EXPECT_NEAR(score.recall, 4.0 / 5, 1e-15);
  EXPECT_NEAR(score.precision, 4.0 / 10, 1e-15);
}

TEST(Answers, CompareRawOrNormalized) {
  EXPECT_EQ(exact_match("The  Cat!", Texts{"a dog", "cat"}, AnswerForm::normalized), 1);
  EXPECT_EQ(exact_match("The  Cat!", Texts{"a dog", "cat"}, AnswerForm::raw), 0);
  EXPECT_EQ(exact_match("x", Texts{}, AnswerForm::raw), 0);
  // Two of two words are right, two of three are found.
  EXPECT_NEAR(token_f1("red car", Texts{"red fast car"}, AnswerForm::raw), 0.8, 1e-15);
}

TEST(EditSimilarity, CountsCodePoints) {
  EXPECT_EQ(edit_distance(U"kitten", U"sitting"), 3U);
  EXPECT_EQ(edit_distance(U"", U"abc"), 3U);
  EXPECT_NEAR(edit_similarity("世界", std::string_view("世間")), 0.5, 1e-15);
  EXPECT_EQ(edit_similarity("", std::string_view("")), 1);
  EXPECT_NEAR(edit_similarity("ab", Texts{"xy", "ac"}), 0.5, 1e-15);
  EXPECT_NEAR(edit_similarity("世界", std::string_view("世間"), EditUnit::byte), 0.5, 1e-15);
  EXPECT_NEAR(edit_similarity("a b c", std::string_view("a c"), EditUnit::word), 2.0 / 3, 1e-15);
}

TEST(TextStatistics, CountDifferentAndRepeatedNgrams) {
  const Texts tokens{"a", "b", "a", "b", "a", "b"};
  EXPECT_NEAR(distinct_ngrams(tokens, 1), 2.0 / 6, 1e-15);
  EXPECT_NEAR(distinct_ngrams(tokens, 2), 2.0 / 5, 1e-15);
  EXPECT_NEAR(repeated_ngrams(tokens), 1.0 / 3, 1e-15);  // abab baba abab
  EXPECT_EQ(distinct_ngrams(Texts{}, 1), 0);
  EXPECT_EQ(repeated_ngrams(Texts{"a"}), 0);
}

TEST(Turns, RepeatWhatWasSaidBeforeOnce) {
  EXPECT_EQ(repeated_turns(Texts{"a", "b", "a", " a\n"}), 0.5);
  EXPECT_EQ(repeated_turns(Texts{"a", "b", "A"}), 0);
  EXPECT_EQ(repeated_turns(Texts{"", ""}), 0.5);
  EXPECT_EQ(repeated_turns(Texts{}), 0);
}

TEST(Turns, LoseTheirEndSymbols) {
  const auto kept = [](Texts tokens, const std::vector<TurnTokens>& turns) {
    drop_ends(tokens, turns);
    return tokens;
  };
  EXPECT_EQ(kept({"a", "E", "b", "c", "E"},
                 {turn_tokens(2, "eos"), turn_tokens(1, "length"), turn_tokens(2, "eos")}),
            (Texts{"a", "b", "c"}));
  EXPECT_EQ(
      kept({"E", "a"}, {turn_tokens(1, "eos"), turn_tokens(0, "strategy"), turn_tokens(1, "stop")}),
      Texts{"a"});
  EXPECT_EQ(kept({"a"}, {turn_tokens(3, "eos")}), Texts{"a"});  // fewer than there should be
}

TEST(TextStatistics, CountTokensSaidShortlyBefore) {
  const Texts tokens{"a", "b", "a", "b"};
  EXPECT_EQ(repeated_tokens(tokens, 1), 0);
  EXPECT_EQ(repeated_tokens(tokens, 2), 0.5);
  EXPECT_EQ(repeated_tokens(Texts{}, 2), 0);
}

TEST(TextStatistics, PoolSequences) {
  const std::vector<Texts> sequences{{"a", "b"}, {"a", "c"}};
  EXPECT_EQ(distinct_ngrams(sequences, 1), 0.75);
  EXPECT_EQ(distinct_ngrams(sequences, 2), 1);
  EXPECT_NEAR(ngram_entropy(sequences, 1), 1.5 * std::log(2.0), 1e-15);
}

TEST(TextStatistics, FitTheSlopeOfFrequencyOnRank) {
  // Frequencies 6, 3, 2 are 6 / rank: the slope is -1.
  const std::vector<Texts> sequences{{"a", "a", "a", "b", "b", "c"}, {"a", "a", "a", "b", "c"}};
  EXPECT_NEAR(*zipf_coefficient(sequences), 1, 1e-14);
  EXPECT_FALSE(zipf_coefficient(std::vector<Texts>{{"a", "a"}}));
}

TEST(Ratios, WeighSamplesByTheirLength) {
  const std::vector<SampleValue> samples{perplexity(2 * std::log(4.0), 2),
                                         perplexity(6 * std::log(16.0), 6), perplexity(0, 0)};
  EXPECT_NEAR(*samples[0].value, 4, 1e-12);
  EXPECT_FALSE(samples[2].value);
  // (2 * 2 + 6 * 4) / 8 = 3.5 bits a token.
  EXPECT_NEAR(*corpus_value("perplexity", samples), std::exp2(3.5), 1e-11);
  EXPECT_NEAR(*bits_per_byte(8 * std::log(2.0), 4).value, 2, 1e-15);
  EXPECT_EQ(tokens_per_second(30, 1.5).value, 20);
  EXPECT_FALSE(tokens_per_second(30, 0).value);
}

TEST(CorpusValue, LeavesOutWhatIsUndefined) {
  EXPECT_EQ(corpus_value("exact_match", values({1, std::nullopt, 0, 0})), 1.0 / 3);
  EXPECT_FALSE(corpus_value("exact_match", values({std::nullopt})));
  EXPECT_FALSE(corpus_value("exact_match", {}));
}

TEST(CorpusValue, OfUnknownNamesOrOtherStatisticsIsTheMean) {
  EXPECT_EQ(corpus_value("a third party's", values({1, 2})), 1.5);
  EXPECT_EQ(corpus_value("bleu", values({10, 20})), 15);
  EXPECT_EQ(corpus_value("bleu", std::vector<SampleValue>{{10, {1, 2}}, {20, {3, 4}}}), 15);
}

TEST(Metrics, AreKnownByName) {
  for (const auto& metric : all_metrics()) {
    ASSERT_EQ(find_metric(metric.name), &metric);
    EXPECT_FALSE(metric.summary.empty());
    EXPECT_EQ(metric.from_statistics != nullptr, metric.statistics_count > 0);
  }
  EXPECT_EQ(find_metric("no such metric"), nullptr);
  EXPECT_FALSE(find_metric("length")->higher_is_better);
  EXPECT_EQ(find_metric("perplexity")->higher_is_better, false);
}

TEST(Gleu, TakesOffWhatShouldHaveBeenCorrected) {
  // The output is the source: "e" is wrong, and in one n-gram of each order. Of 5, 4, 3, 2 n-grams
  // 4, 3, 2, 1 match; less 1 each.
  const auto sample = gleu("a b c d e", "a b c d e", Texts{"a b c d f"});
  EXPECT_EQ(sample.statistics, (std::vector<double>{5, 5, 3, 5, 2, 4, 1, 3, 0, 2}));
  // Alone, an order without a match counts one.
  EXPECT_NEAR(*sample.value, 100 * std::pow(3.0 / 5 * 2 / 4 * 1 / 3 * 1 / 2, 0.25), 1e-12);
  EXPECT_EQ(gleu_of_sums(sample.statistics), 0);
  EXPECT_NEAR(*gleu("x", "a b c d", Texts{"a b c d"}).value, 100, 1e-12);
}

TEST(Gleu, AveragesOverReferencesAndPunishesShortOutputs) {
  const auto two = gleu_statistics("a", "a b", Texts{"a b", "c d e f"});
  // Against the second, "a" is a fault, but counts are never below nothing.
  EXPECT_EQ(two, (std::vector<double>{2, 3, 1, 2, 0.5, 1, 0, 0, 0, 0}));
  const std::vector<double> sums{8, 10, 8, 8, 6, 6, 4, 4, 2, 2};
  EXPECT_NEAR(gleu_of_sums(sums), 100 * std::exp(1 - 10.0 / 8), 1e-12);
  EXPECT_FALSE(gleu("a", "a", Texts{}).value);
}

TEST(Sari, MeasuresAddingKeepingAndDeleting) {
  // Everything is right; "a c" is added as a word and as a pair, "a" is kept, "b" and "a b" are
  // deleted. Orders without n-grams count 0: F is 2/4, 1/4 and 2/4.
  EXPECT_NEAR(*sari("A b", "a C", Texts{"a c"}).value, 100 * (0.5 + 0.25 + 0.5) / 3, 1e-12);
  // Nothing is added or deleted; of two references one keeps "b": kept right 2 + 1 of 4, while the
  // references keep 3: P = (3/4 + 1/2) / 4 (of the pairs 1 of 2), R = (3/3 + 1/1) / 4.
  const double precision = (0.75 + 0.5) / 4;
  const double recall = 0.5;
  EXPECT_NEAR(*sari("a b", "a b", Texts{"a b", "a"}).value,
              100 * (2 * precision * recall / (precision + recall)) / 3, 1e-12);
  EXPECT_FALSE(sari("a", "a", Texts{}).value);
}

TEST(Answers, OfChineseAreComparedByCharacters) {
  EXPECT_EQ(normalize_chinese_answer("《Hello》，世界 3.5。"), "hello 世 界 35");
  EXPECT_EQ(exact_match("“北京”。", Texts{"北京"}, AnswerForm::chinese), 1);
  // Two of three characters are right, two of two are found.
  EXPECT_NEAR(token_f1("北京市", Texts{"北京"}, AnswerForm::chinese), 0.8, 1e-15);
}

TEST(Metrics, OfTextsNeedNoTask) {
  const Texts references{"a b c d"};
  const Texts tokens{"a", "b", "a"};
  const ScoredText text{"a b c d", "a b c d", references, tokens};
  for (const auto& metric : all_metrics()) {
    if (metric.of_text == nullptr) continue;
    const auto sample = metric.of_text(text);
    EXPECT_TRUE(sample.value) << metric.name;
    EXPECT_EQ(sample.statistics.size(), metric.statistics_count) << metric.name;
    // Nothing to compare with: undefined, or a matter of the output alone.
    const auto alone = metric.of_text({"a b c d", "a b c d", {}, tokens});
    EXPECT_TRUE(!alone.value || alone.value == sample.value) << metric.name;
  }
  EXPECT_NEAR(*find_metric("bleu")->of_text(text).value, 100, 1e-9);
  EXPECT_EQ(find_metric("unchanged")->of_text(text).value, 1);
  EXPECT_EQ(find_metric("passes")->of_text, nullptr);
  const std::vector<Texts> outputs{tokens, {"a"}};
  EXPECT_EQ(find_metric("distinct_1_pooled")->of_outputs(outputs), 0.5);
}

TEST(PassAtK, IsTheShareOfDrawsThatHoldAPass) {
  // Of 5 programs 2 pass: of the 10 pairs, 3 hold none that passes.
  EXPECT_NEAR(pass_at_k(5, 2, 1), 0.4, 1e-15);
  EXPECT_NEAR(pass_at_k(5, 2, 2), 0.7, 1e-15);
  EXPECT_EQ(pass_at_k(5, 2, 4), 1);
  EXPECT_EQ(pass_at_k(5, 0, 5), 0);
}

TEST(SelfBleu, ComparesEachWithTheOthers) {
  const std::vector<Texts> same{{"a", "b", "c", "d"}, {"a", "b", "c", "d"}, {"x"}};
  const auto scores = self_bleu(same);
  EXPECT_NEAR((*scores)[0], 1, 1e-15);
  EXPECT_NEAR((*scores)[1], 1, 1e-15);
  EXPECT_EQ((*scores)[2], 0);
  EXPECT_FALSE(self_bleu(std::vector<Texts>{{"a"}}));
}

TEST(SelfBleu, ClipsByTheMostThatOneOtherHas) {
  // "a" twice of three is matched by the second, which has it twice, of two tokens; no pairs match
  // but "a a", once of two; then 0.1 of one 3-gram and 0.1 of none. As long as the reference.
  const std::vector<Texts> sequences{{"a", "a", "a"}, {"a", "a", "b"}};
  EXPECT_NEAR(self_bleu(sequences)->front(), std::pow(2.0 / 3 * 1 / 2 * 0.1 * 0.1, 0.25), 1e-15);
}

TEST(Ter, CutsWordsAsTercomDoes) {
  EXPECT_EQ(ter_words("Mary's 1,000 A-B.", {}), "mary's 1,000 a-b.");
  const auto words = [](std::string_view text, const TerOptions& options) {
    const auto line = ter_words(text, options);
    const auto views = text::split_white_space(line);
    return Texts(views.begin(), views.end());
  };
  EXPECT_EQ(words("Mary's 1,000 A-B.", {.normalized = true}),
            (Texts{"mary", "'s", "1,000", "a-b", "."}));
  EXPECT_EQ(words("(Yes!), no.", {.no_punctuation = true, .case_sensitive = true}),
            (Texts{"Yes", "no"}));
  EXPECT_EQ(words("你好，ok", {.normalized = true}), (Texts{"你好，ok"}));
  EXPECT_EQ(words("你好，ok", {.normalized = true, .asian_support = true}),
            (Texts{"你", "好", "，", "ok"}));
  EXPECT_EQ(words("你好，ok", {.no_punctuation = true, .asian_support = true}), (Texts{"你好ok"}));
}

}  // namespace
}  // namespace trellis::metrics
