/// ROUGE against rouge-score 0.1.2 and NLTK's stemmer, to 1e-12.
#include "core/metrics/rouge.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "core/metrics/porter_stemmer.hpp"
#include "core/metrics/statistics.hpp"
#include "tests/golden/metrics_golden.hpp"

namespace trellis::metrics {
namespace {

using golden::read_list;
using nlohmann::json;

constexpr double kTolerance = 1e-12;

void expect_score(const RougeScore& actual, const json& expected, const std::string& what) {
  EXPECT_NEAR(actual.precision, expected[0].get<double>(), kTolerance) << what;
  EXPECT_NEAR(actual.recall, expected[1].get<double>(), kTolerance) << what;
  EXPECT_NEAR(actual.f_measure, expected[2].get<double>(), kTolerance) << what;
}

void expect_scores(const RougeScores& actual, const json& expected, const std::string& what) {
  expect_score(actual.rouge_1, expected["rouge1"], what + " rouge1");
  expect_score(actual.rouge_2, expected["rouge2"], what + " rouge2");
  expect_score(actual.rouge_l, expected["rougeL"], what + " rougeL");
  expect_score(actual.rouge_lsum, expected["rougeLsum"], what + " rougeLsum");
}

TEST(RougeGolden, Stems) {
  for (const auto& entry : read_list("metrics_sum/porter_stems.json", "cases")) {
    const std::string word = entry[0];
    EXPECT_EQ(porter_stem(word), entry[1].get<std::string>()) << word;
    EXPECT_EQ(rouge_tokens(word, true), std::vector<std::string>{entry[2].get<std::string>()});
  }
}

TEST(RougeGolden, Tokens) {
  for (const auto& entry : read_list("metrics_sum/tokenize.json", "cases")) {
    const std::string text = entry["text"];
    EXPECT_EQ(rouge_tokens(text, false), entry["tokens"].get<std::vector<std::string>>()) << text;
    EXPECT_EQ(rouge_tokens(text, true), entry["stemmed"].get<std::vector<std::string>>()) << text;
  }
}

TEST(RougeGolden, Pairs) {
  for (const auto& entry : read_list("metrics_sum/pairs.json", "cases")) {
    const std::string target = entry["target"];
    const std::string prediction = entry["prediction"];
    for (const bool stem : {false, true}) {
      const auto& expected = entry[stem ? "stem" : "plain"];
      const auto what = entry["id"].dump() + (stem ? " stemmed" : "");
      expect_scores(rouge(prediction, std::vector{target}, stem), expected, what);
      const auto target_tokens = rouge_tokens(target, stem);
      const auto prediction_tokens = rouge_tokens(prediction, stem);
      expect_score(rouge_n(target_tokens, prediction_tokens, 3), expected["rouge3"], what);
    }
  }
}

TEST(RougeGolden, BestOfSeveralReferences) {
  for (const auto& entry : read_list("metrics_sum/multi_reference.json", "cases")) {
    const auto targets = entry["targets"].get<std::vector<std::string>>();
    const std::string prediction = entry["prediction"];
    expect_scores(rouge(prediction, targets, false), entry["plain"], prediction);
    expect_scores(rouge(prediction, targets, true), entry["stem"], prediction);
  }
}

// Precision, recall and F-measure of one kind of ROUGE, as three metrics that are averaged.
using Measures = std::array<std::vector<SampleValue>, 3>;

std::map<std::string, Measures> measures_of(const json& pairs, const json& entry) {
  std::map<std::string, Measures> all;
  for (const auto& id : entry["pairs"]) {
    const auto& pair = pairs.at(id.get<std::size_t>());
    const std::string target = pair["target"];
    const std::string prediction = pair["prediction"];
    const bool stem = entry["use_stemmer"];
    const auto scores = rouge(prediction, std::vector{target}, stem);
    const auto three = rouge_n(rouge_tokens(target, stem), rouge_tokens(prediction, stem), 3);
    for (const auto& [name, score] :
         {std::pair("rouge1", scores.rouge_1), std::pair("rouge2", scores.rouge_2),
          std::pair("rouge3", three), std::pair("rougeL", scores.rouge_l),
          std::pair("rougeLsum", scores.rouge_lsum)}) {
      all[name][0].push_back({score.precision, {}});
      all[name][1].push_back({score.recall, {}});
      all[name][2].push_back({score.f_measure, {}});
    }
  }
  return all;
}

TEST(RougeGolden, MeansAndPercentilesOfGivenResamples) {
  const auto pairs = read_list("metrics_sum/pairs.json", "cases");
  for (const auto& entry : read_list("metrics_sum/bootstrap.json", "cases")) {
    const auto& given = entry["given_indices"];
    for (const auto& [name, measures] : measures_of(pairs, entry)) {
      for (std::size_t m = 0; m < measures.size(); ++m) {
        const auto& samples = measures.at(m);
        EXPECT_NEAR(*corpus_value(name, samples), entry["mean"][name][m].get<double>(), kTolerance)
            << name;
        std::size_t row = 0;
        auto values = bootstrap_values(name, samples, given["n_samples"],
                                       [&](std::span<std::uint32_t> indices) {
                                         for (std::size_t i = 0; i < indices.size(); ++i) {
                                           indices[i] = given["indices"][row][i];
                                         }
                                         ++row;
                                       });
        std::sort(values.begin(), values.end());
        for (const auto& [which, share] :
             {std::pair("low", 0.025), std::pair("mid", 0.5), std::pair("high", 0.975)}) {
          EXPECT_NEAR(percentile(values, share), given[which][name][m].get<double>(), kTolerance)
              << name << which;
        }
      }
    }
  }
}

/// Trellis draws with another generator than numpy's: its interval must lie within five standard
/// deviations of what rouge-score's own seeds give.
TEST(RougeGolden, OwnIntervalsAgreeWithinTheNoiseOfSeeds) {
  const auto pairs = read_list("metrics_sum/pairs.json", "cases");
  for (const auto& entry : read_list("metrics_sum/bootstrap.json", "cases")) {
    const auto& spread = entry["spread_over_seeds"];
    for (const auto& [name, measures] : measures_of(pairs, entry)) {
      for (std::size_t m = 0; m < measures.size(); ++m) {
        const auto interval = bootstrap_interval(name, measures.at(m),
                                                 {entry["n_samples"], 12345, entry["confidence"]});
        ASSERT_TRUE(interval);
        for (const auto& [place, value] :
             {std::pair(0, interval->low), std::pair(2, interval->high)}) {
          EXPECT_NEAR(value, spread["mean"][name][place][m].get<double>(),
                      5 * spread["sd"][name][place][m].get<double>())
              << name << m;
        }
      }
    }
  }
}

}  // namespace
}  // namespace trellis::metrics
