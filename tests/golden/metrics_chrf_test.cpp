/// chrF and chrF++ against sacrebleu 2.6, to 1e-9 of the score.
#include "core/metrics/chrf.hpp"

#include "tests/golden/metrics_golden.hpp"

namespace trellis::metrics {
namespace {

using golden::expect_relative;
using golden::read_figures;
using golden::read_list;
using golden::references_of;
using nlohmann::json;

constexpr double kTolerance = 1e-9;

ChrfOptions options_of(const json& args) {
  ChrfOptions options;
  options.character_order = args.value("char_order", 6);
  options.word_order = args.value("word_order", 0);
  options.beta = args.value("beta", 2.0);
  options.lowercase = args.value("lowercase", false);
  options.whitespace = args.value("whitespace", false);
  options.epsilon_smoothing = args.value("eps_smoothing", false);
  return options;
}

TEST(ChrfGolden, CorpusScoresAndSignatures) {
  const auto corpora = read_list("metrics_mt/corpora.json", "corpora");
  std::size_t compared = 0;
  for (const auto& entry : read_list("metrics_mt/corpus_scores.json", "cases")) {
    if (entry["metric"] != "CHRF") continue;
    const auto& corpus = corpora.at(entry["corpus"].get<std::size_t>());
    const auto options = options_of(entry["args"]);
    std::vector<double> sums(3 * (options.character_order + options.word_order), 0.0);
    std::optional<std::size_t> count = references_of(corpus["refs"], 0).size();
    for (std::size_t k = 0; k < corpus["hyp"].size(); ++k) {
      const auto references = references_of(corpus["refs"], k);
      if (references.size() != count) count.reset();
      const auto statistics =
          chrf_statistics(corpus["hyp"][k].get<std::string>(), references, options);
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += statistics[i];
    }
    expect_relative(chrf_score(sums, options), entry["score"], kTolerance,
                    entry["corpus"].dump() + entry["args"].dump());
    const std::string signature = entry["signature"];
    EXPECT_EQ(chrf_signature(options, count), signature.substr(0, signature.find("|version")));
    ++compared;
  }
  EXPECT_GT(compared, 0U);
}

TEST(ChrfGolden, SentenceScores) {
  const auto corpora = read_list("metrics_mt/corpora.json", "corpora");
  const auto figures = read_figures("metrics_mt/sentence_scores.json");
  for (const auto& entry : figures["cases"]) {
    const auto& corpus = corpora.at(entry["corpus"].get<std::size_t>());
    const auto segment = entry["seg"].get<std::size_t>();
    for (std::size_t i = 0; i < entry["chrf"].size(); ++i) {
      const auto sample =
          chrf(corpus["hyp"][segment].get<std::string>(), references_of(corpus["refs"], segment),
               options_of(figures["meta"]["chrf_args"][i]));
      expect_relative(*sample.value, entry["chrf"][i], kTolerance,
                      entry["corpus"].dump() + ":" + std::to_string(segment) + " " +
                          figures["meta"]["chrf_args"][i].dump());
    }
  }
}

}  // namespace
}  // namespace trellis::metrics
