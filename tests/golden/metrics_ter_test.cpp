/// TER against sacrebleu 2.6 without Tercom's normalisation: edits exactly, scores to 1e-9.
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

/// Trellis leaves the text's tokenization to the task.
bool is_plain(const json& args) {
  return !args["normalized"] && !args["no_punct"] && !args["asian_support"];
}

TEST(TerGolden, CorpusScores) {
  const auto corpora = read_list("metrics_mt/corpora.json", "corpora");
  std::size_t compared = 0;
  for (const auto& entry : read_list("metrics_mt/corpus_scores.json", "cases")) {
    if (entry["metric"] != "TER" || !is_plain(entry["args"])) continue;
    const auto& corpus = corpora.at(entry["corpus"].get<std::size_t>());
    std::vector<SampleValue> samples;
    double edits = 0;
    for (std::size_t k = 0; k < corpus["hyp"].size(); ++k) {
      samples.push_back(ter(corpus["hyp"][k].get<std::string>(), references_of(corpus["refs"], k),
                            entry["args"]["case_sensitive"]));
      edits += samples.back().statistics[0];
    }
    EXPECT_EQ(edits, entry["num_edits"].get<double>()) << entry["corpus"];
    expect_relative(*corpus_value("ter", samples), entry["score"], kTolerance,
                    entry["corpus"].dump());
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
      const auto& args = figures["meta"]["ter_args"][i];
      if (!is_plain(args)) continue;
      const auto sample = ter(corpus["hyp"][segment].get<std::string>(),
                              references_of(corpus["refs"], segment), args["case_sensitive"]);
      const auto what = entry["corpus"].dump() + ":" + std::to_string(segment);
      EXPECT_EQ(sample.statistics[0], entry["ter"][i][1].get<double>()) << what;
      expect_relative(sample.statistics[1], entry["ter"][i][2], kTolerance, what);
      expect_relative(*sample.value, entry["ter"][i][0], kTolerance, what);
    }
  }
}

}  // namespace
}  // namespace trellis::metrics
