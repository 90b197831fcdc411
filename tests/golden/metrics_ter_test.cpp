/// TER against sacrebleu 2.6: edits exactly, scores to 1e-9 of their size.
#include "core/metrics/ter.hpp"

#include "tests/golden/metrics_golden.hpp"

namespace trellis::metrics {
namespace {

using golden::expect_relative;
using golden::read_figures;
using golden::read_list;
using golden::references_of;
using nlohmann::json;

constexpr double kTolerance = 1e-9;

TerOptions options_of(const json& args) {
  return {args["normalized"], args["no_punct"], args["asian_support"], args["case_sensitive"]};
}

TEST(TerGolden, CorpusScoresAndSignatures) {
  const auto corpora = read_list("metrics_mt/corpora.json", "corpora");
  std::size_t compared = 0;
  for (const auto& entry : read_list("metrics_mt/corpus_scores.json", "cases")) {
    if (entry["metric"] != "TER") continue;
    const auto options = options_of(entry["args"]);
    const auto& corpus = corpora.at(entry["corpus"].get<std::size_t>());
    std::vector<SampleValue> samples;
    double edits = 0;
    std::optional<std::size_t> count = references_of(corpus["refs"], 0).size();
    for (std::size_t k = 0; k < corpus["hyp"].size(); ++k) {
      const auto references = references_of(corpus["refs"], k);
      if (references.size() != count) count.reset();
      samples.push_back(ter(corpus["hyp"][k].get<std::string>(), references, options));
      edits += samples.back().statistics[0];
    }
    const auto what = entry["corpus"].dump() + entry["args"].dump();
    EXPECT_EQ(edits, entry["num_edits"].get<double>()) << what;
    expect_relative(*corpus_value("ter", samples), entry["score"], kTolerance, what);
    const std::string signature = entry["signature"];
    EXPECT_EQ(ter_signature(options, count), signature.substr(0, signature.find("|version")));
    ++compared;
  }
  EXPECT_GT(compared, 0U);
}

TEST(TerGolden, SentenceScores) {
  const auto corpora = read_list("metrics_mt/corpora.json", "corpora");
  const auto figures = read_figures("metrics_mt/sentence_scores.json");
  for (const auto& entry : figures["cases"]) {
    const auto& corpus = corpora.at(entry["corpus"].get<std::size_t>());
    const auto segment = entry["seg"].get<std::size_t>();
    for (std::size_t i = 0; i < entry["ter"].size(); ++i) {
      const auto options = options_of(figures["meta"]["ter_args"][i]);
      const auto sample = ter(corpus["hyp"][segment].get<std::string>(),
                              references_of(corpus["refs"], segment), options);
      const auto what = entry["corpus"].dump() + ":" + std::to_string(segment);
      EXPECT_EQ(sample.statistics[0], entry["ter"][i][1].get<double>()) << what;
      expect_relative(sample.statistics[1], entry["ter"][i][2], kTolerance, what);
      expect_relative(*sample.value, entry["ter"][i][0], kTolerance, what);
    }
  }
}

}  // namespace
}  // namespace trellis::metrics
