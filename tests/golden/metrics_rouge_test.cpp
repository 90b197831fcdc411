/// ROUGE against rouge-score 0.1.2 and NLTK's stemmer, to 1e-12.
#include "core/metrics/rouge.hpp"

#include <algorithm>

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

TEST(RougeGolden, MeansAndPercentilesOfGivenResamples) {
  const auto pairs = read_list("metrics_sum/pairs.json", "cases");
  for (const auto& entry : read_list("metrics_sum/bootstrap.json", "cases")) {
    std::vector<SampleValue> samples;
    for (const auto& id : entry["pairs"]) {
      const auto& pair = pairs.at(id.get<std::size_t>());
      const auto scores =
          rouge(pair["prediction"].get<std::string>(),
                std::vector{pair["target"].get<std::string>()}, entry["use_stemmer"]);
      samples.push_back({scores.rouge_l.f_measure, {}});
    }
    EXPECT_NEAR(*corpus_value("rougeL", samples), entry["mean"]["rougeL"][2].get<double>(),
                kTolerance);
    const auto& given = entry["given_indices"];
    std::size_t row = 0;
    auto values = bootstrap_values("rougeL", samples, given["n_samples"],
                                   [&](std::span<std::uint32_t> indices) {
                                     for (std::size_t i = 0; i < indices.size(); ++i) {
                                       indices[i] = given["indices"][row][i];
                                     }
                                     ++row;
                                   });
    std::sort(values.begin(), values.end());
    EXPECT_NEAR(percentile(values, 0.025), given["low"]["rougeL"][2].get<double>(), kTolerance);
    EXPECT_NEAR(percentile(values, 0.5), given["mid"]["rougeL"][2].get<double>(), kTolerance);
    EXPECT_NEAR(percentile(values, 0.975), given["high"]["rougeL"][2].get<double>(), kTolerance);
  }
}

}  // namespace
}  // namespace trellis::metrics
