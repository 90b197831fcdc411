/// Exact match, F1, diversity, repetition, edit similarity and perplexity against the published
/// evaluations, to 1e-12.
#include "core/metrics/answers.hpp"
#include "core/metrics/edit_similarity.hpp"
#include "core/metrics/ratios.hpp"
#include "core/metrics/text_statistics.hpp"
#include "core/text/unicode.hpp"
#include "tests/golden/metrics_golden.hpp"

namespace trellis::metrics {
namespace {

using golden::expect_relative;
using golden::read_figures;
using golden::read_list;
using nlohmann::json;

constexpr double kTolerance = 1e-12;

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

TEST(GenerationGolden, DistinctAndRepeatedNgrams) {
  for (const auto& entry : read_list("metrics_gen/ngram_stats.json", "cases")) {
    std::vector<std::vector<std::string>> sequences;
    for (const auto& ids : entry["sequences"]) {
      auto& tokens = sequences.emplace_back();
      for (const auto& id : ids) tokens.push_back(id.dump());
    }
    for (const auto& [n, expected] : entry["distinct_per_sequence_mean"].items()) {
      std::vector<SampleValue> samples;
      for (const auto& tokens : sequences) {
        samples.push_back({distinct_ngrams(tokens, std::stoul(n)), {}});
      }
      EXPECT_NEAR(*corpus_value("distinct_" + n, samples), expected.get<double>(), kTolerance);
    }
    for (const auto& [n, expected] : entry["seq_rep"].items()) {
      for (std::size_t i = 0; i < sequences.size(); ++i) {
        EXPECT_NEAR(repeated_ngrams(sequences[i], std::stoul(n)), expected[i].get<double>(),
                    kTolerance);
      }
    }
  }
}

TEST(GenerationGolden, EditDistances) {
  for (const auto& entry : read_list("metrics_gen/edit_similarity.json", "cases")) {
    const std::string a = entry["a"];
    const std::string b = entry["b"];
    const auto left = text::to_code_points(a);
    const auto right = text::to_code_points(b);
    EXPECT_EQ(edit_distance({left.data(), left.size()}, {right.data(), right.size()}),
              entry["distance_cp"].get<std::size_t>());
    EXPECT_NEAR(edit_similarity(a, std::string_view(b)), entry["similarity_cp"].get<double>(),
                kTolerance);
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
