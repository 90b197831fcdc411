/// Exact match, F1, pass@k, diversity, repetition, self-BLEU, edit similarity and perplexity
/// against the published evaluations, to 1e-12.
#include <limits>
#include <numeric>
#include "core/metrics/answers.hpp"
#include "core/metrics/edit_similarity.hpp"
#include "core/metrics/pass_at_k.hpp"
#include "core/metrics/ratios.hpp"
#include "core/metrics/self_bleu.hpp"
#include "core/metrics/text_statistics.hpp"

#include "tests/golden/metrics_golden.hpp"

namespace trellis::metrics {
namespace {

using golden::expect_relative;
using golden::read_figures;
using golden::read_list;
using nlohmann::json;

constexpr double kTolerance = 1e-12;

using Sequences = std::vector<std::vector<std::string>>;

Sequences sequences_of(const json& entry) {
  Sequences sequences;
  for (const auto& ids : entry["sequences"]) {
    auto& tokens = sequences.emplace_back();
    for (const auto& id : ids) tokens.push_back(id.dump());
  }
  return sequences;
}

void expect_all(const std::vector<double>& actual, const json& expected, double scale,
                const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    // The figures may be percent: their size, not 1, is what the tolerance is relative to.
    EXPECT_NEAR(scale * actual[i], expected[i].get<double>(), scale * kTolerance) << what;
  }
}

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

TEST(GenerationGolden, ExactMatchAndF1) {
  const auto figures = read_figures("metrics_gen/em_f1.json");
  std::vector<SampleValue> matches;
  std::vector<SampleValue> overlaps;
  for (const auto& entry : figures["cases"]) {
    const std::string prediction = entry["prediction"];
    const auto golds = entry["golds"].get<std::vector<std::string>>();
    EXPECT_EQ(normalize_answer(prediction), entry["normalized_prediction"].get<std::string>());
    const double match = exact_match(prediction, golds, AnswerForm::normalized);
    const double overlap = token_f1(prediction, golds, AnswerForm::normalized);
    EXPECT_EQ(match, entry["exact_match"].get<double>()) << prediction;
    EXPECT_NEAR(overlap, entry["f1"].get<double>(), kTolerance) << prediction;
    EXPECT_EQ(exact_match(prediction, golds, AnswerForm::raw), entry["raw_exact"].get<double>())
        << prediction;
    matches.push_back({match, {}});
    overlaps.push_back({overlap, {}});
  }
  const auto& corpus = figures["meta"]["corpus"];  // in percent
  expect_relative(100 * *corpus_value("exact_match", matches), corpus["exact_match"], kTolerance,
                  "");
  expect_relative(100 * *corpus_value("f1", overlaps), corpus["f1"], kTolerance, "");
}

TEST(GenerationGolden, PassAtK) {
  const auto figures = read_figures("metrics_gen/pass_at_k.json");
  ASSERT_FALSE(figures["table"].empty());
  for (const auto& row : figures["table"]) {
    const double actual = pass_at_k(row[0], row[1], row[2]);
    EXPECT_NEAR(actual, row[3].get<double>(), kTolerance) << row;
    EXPECT_NEAR(actual, row[4].get<double>(), kTolerance) << row;
  }
  for (const auto& [k, expected] : figures["corpus"]["mean_pass_at_k"].items()) {
    std::vector<double> values;
    for (const auto& problem : figures["corpus"]["n_c"]) {
      values.push_back(pass_at_k(problem[0], problem[1], std::stoul(k)));
    }
    EXPECT_NEAR(mean_of(values), expected.get<double>(), kTolerance) << k;
  }
}

TEST(GenerationGolden, DistinctNgramsEntropyAndZipf) {
  for (const auto& entry : read_list("metrics_gen/ngram_stats.json", "cases")) {
    const auto sequences = sequences_of(entry);
    for (const auto& [n, expected] : entry["distinct"].items()) {
      EXPECT_NEAR(distinct_ngrams(sequences, std::stoul(n)), expected.get<double>(), kTolerance);
    }
    for (const auto& [n, expected] : entry["distinct_per_sequence_mean"].items()) {
      std::vector<SampleValue> samples;
      for (const auto& tokens : sequences) {
        samples.push_back({distinct_ngrams(tokens, std::stoul(n)), {}});
      }
      EXPECT_NEAR(*corpus_value("distinct_" + n, samples), expected.get<double>(), kTolerance);
    }
    for (const auto& [n, expected] : entry["entropy"].items()) {
      std::vector<double> entropies;
      for (const auto& tokens : sequences) {
        entropies.push_back(ngram_entropy(tokens, std::stoul(n)));
      }
      expect_all(entropies, expected, 1, "entropy of " + n);
    }
    EXPECT_NEAR(ngram_entropy(sequences, 1), entry["corpus_unigram_entropy"].get<double>(),
                kTolerance);
    const auto zipf = zipf_coefficient(sequences);
    ASSERT_EQ(zipf.has_value(), !entry["zipf"].is_null());
    if (zipf) {
      EXPECT_NEAR(*zipf, entry["zipf"].get<double>(), kTolerance);
    }
  }
}

TEST(GenerationGolden, RepeatedNgramsAndTokens) {
  for (const auto& entry : read_list("metrics_gen/ngram_stats.json", "cases")) {
    const auto sequences = sequences_of(entry);
    for (const auto& [n, expected] : entry["seq_rep"].items()) {
      std::vector<double> shares;
      for (const auto& tokens : sequences) shares.push_back(repeated_ngrams(tokens, std::stoul(n)));
      expect_all(shares, expected, 1, "seq-rep-" + n);
    }
    for (const auto& [window, expected] : entry["rep_l"].items()) {
      std::vector<double> shares;
      for (const auto& tokens : sequences) {
        shares.push_back(repeated_tokens(tokens, std::stoul(window)));
      }
      expect_all(shares, expected, 1, "rep-" + window);
    }
  }
}

TEST(GenerationGolden, SelfBleu) {
  std::size_t compared = 0;
  for (const auto& entry : read_list("metrics_gen/ngram_stats.json", "cases")) {
    if (!entry.contains("self_bleu4") || entry["self_bleu4"].is_null()) continue;
    const auto& expected = entry["self_bleu4"];
    const auto sequences = sequences_of(entry);
    const auto what = entry["sequences"].dump();
    const auto method1 = self_bleu(sequences);
    ASSERT_TRUE(method1) << what;
    expect_all(*method1, expected["nltk_method1"], 1, what);
    EXPECT_NEAR(mean_of(*method1), expected["mean_nltk_method1"].get<double>(), kTolerance);
    expect_all(*self_bleu(sequences, {4, std::numeric_limits<double>::min(), false}),
               expected["nltk_no_smoothing"], 1, what);
    const auto floor = self_bleu(sequences, {4, 0.1, true});
    expect_all(*floor, expected["sacrebleu_floor_effective"], 100, what);
    EXPECT_NEAR(100 * mean_of(*floor), expected["mean_sacrebleu"].get<double>(), 100 * kTolerance);
    ++compared;
  }
  EXPECT_GT(compared, 0U);
}

TEST(GenerationGolden, EditSimilarities) {
  for (const auto& entry : read_list("metrics_gen/edit_similarity.json", "cases")) {
    const std::string a = entry["a"];
    const std::string b = entry["b"];
    for (const auto& [name, unit] :
         {std::pair("cp", EditUnit::code_point), std::pair("bytes", EditUnit::byte),
          std::pair("words", EditUnit::word)}) {
      const auto& expected = entry[std::string("similarity_") + name];
      EXPECT_NEAR(edit_similarity(a, b, unit), expected.get<double>(), kTolerance)
          << name << ": " << a << " | " << b;
    }
  }
}

TEST(GenerationGolden, PerplexityOfTokenLikelihoods) {
  const auto figures = read_figures("metrics_gen/perplexity.json");
  std::vector<SampleValue> samples;
  for (const auto& entry : figures["cases"]) {
    double nll = 0;
    std::size_t tokens = 0;
    for (std::size_t i = 0; i < entry["targets"].size(); ++i) {
      if (entry["targets"][i] == entry["ignore_index"]) continue;
      nll += entry["token_nll"][i].get<double>();
      ++tokens;
    }
    samples.push_back(perplexity(nll, tokens));
    if (!entry["perplexity"].is_number()) {
      EXPECT_FALSE(samples.back().value);
      continue;
    }
    // exp magnifies the rounding of sums of up to some hundred nats.
    expect_relative(*samples.back().value, entry["perplexity"], 1e-11, "sample");
    EXPECT_NEAR(*bits_per_byte(nll, tokens).value, entry["bits_per_token"].get<double>(), 1e-10);
  }
  expect_relative(*corpus_value("perplexity", samples),
                  figures["meta"]["corpus_perplexity_over_all_cases"], 1e-11, "corpus");
}

}  // namespace
}  // namespace trellis::metrics
