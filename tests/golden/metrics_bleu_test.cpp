/// BLEU against sacrebleu 2.6: tokens and counts exactly, scores to 1e-9 of their size.
#include "core/metrics/bleu.hpp"

#include "core/text/unicode.hpp"
#include "tests/golden/metrics_golden.hpp"

namespace trellis::metrics {
namespace {

using golden::expect_relative;
using golden::read_figures;
using golden::read_list;
using golden::references_of;
using nlohmann::json;

constexpr double kTolerance = 1e-9;

BleuSmoothing smoothing_named(const std::string& name) {
  if (name == "exp") return BleuSmoothing::exponential;
  if (name == "floor") return BleuSmoothing::floor;
  if (name == "add-k") return BleuSmoothing::add_k;
  EXPECT_EQ(name, "none");
  return BleuSmoothing::none;
}

BleuOptions options_of(const json& args) {
  BleuOptions options;
  options.tokenizer = bleu_tokenizer(args.value("tokenize", "13a"));
  options.lowercase = args.value("lowercase", false);
  options.smoothing = smoothing_named(args.value("smooth_method", "exp"));
  if (args.contains("smooth_value") && !args["smooth_value"].is_null()) {
    options.smoothing_value = args["smooth_value"];
  }
  options.effective_order = args.value("effective_order", false);
  options.max_order = args.value("max_ngram_order", 4);
  return options;
}

std::vector<double> statistics_of(const json& score) {
  std::vector<double> statistics{score["sys_len"], score["ref_len"]};
  for (const char* part : {"counts", "totals"}) {
    for (const auto& count : score[part]) statistics.push_back(count);
  }
  return statistics;
}

TEST(BleuGolden, TokenizersGiveTheSameTokens) {
  for (const auto& entry : read_list("metrics_mt/tokenize.json", "cases")) {
    const std::string text = entry["text"];
    for (const char* name : {"13a", "intl", "zh", "char", "none"}) {
      const auto tokens = bleu_tokens(text, bleu_tokenizer(name));
      // The file holds the tokenizer's line, before BLEU splits it at white space.
      const auto line = entry[name].get<std::string>();
      const auto words = text::split_white_space(line);
      EXPECT_EQ(tokens, std::vector<std::string>(words.begin(), words.end())) << name << text;
      EXPECT_EQ(tokens.size(), entry[std::string(name) + "_n"].get<std::size_t>()) << name << text;
    }
  }
}

TEST(BleuGolden, CorpusScores) {
  const auto corpora = read_list("metrics_mt/corpora.json", "corpora");
  std::size_t compared = 0;
  for (const auto& entry : read_list("metrics_mt/corpus_scores.json", "cases")) {
    if (entry["metric"] != "BLEU") continue;
    const auto& corpus = corpora.at(entry["corpus"].get<std::size_t>());
    const auto options = options_of(entry["args"]);
    std::vector<double> sums(2 + 2 * options.max_order, 0.0);
    for (std::size_t k = 0; k < corpus["hyp"].size(); ++k) {
      const auto references = references_of(corpus["refs"], k);
      const auto statistics =
          bleu_statistics(corpus["hyp"][k].get<std::string>(), references, options);
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += statistics[i];
    }
    const auto what = entry["corpus"].dump() + entry["args"].dump();
    const auto score = bleu_score(sums, options);
    if (options.smoothing != BleuSmoothing::add_k) {
      EXPECT_EQ(sums, statistics_of(entry)) << what;
    }
    expect_relative(score.score, entry["score"], kTolerance, what);
    expect_relative(score.brevity_penalty, entry["bp"], kTolerance, what);
    for (std::size_t i = 0; i < options.max_order; ++i) {
      expect_relative(score.precisions[i], entry["precisions"][i], kTolerance, what);
    }
    ++compared;
  }
  EXPECT_GT(compared, 0U);
}

TEST(BleuGolden, Signatures) {
  const auto corpora = read_list("metrics_mt/corpora.json", "corpora");
  for (const auto& entry : read_list("metrics_mt/corpus_scores.json", "cases")) {
    if (entry["metric"] != "BLEU") continue;
    const auto& corpus = corpora.at(entry["corpus"].get<std::size_t>());
    std::optional<std::size_t> references = references_of(corpus["refs"], 0).size();
    for (std::size_t k = 0; k < corpus["hyp"].size(); ++k) {
      if (references_of(corpus["refs"], k).size() != references) references.reset();
    }
    const std::string expected = entry["signature"];
    EXPECT_EQ(bleu_signature(options_of(entry["args"]), references),
              expected.substr(0, expected.find("|version")));
  }
}

TEST(BleuGolden, SentenceScores) {
  const auto corpora = read_list("metrics_mt/corpora.json", "corpora");
  const auto figures = read_figures("metrics_mt/sentence_scores.json");
  for (const auto& entry : figures["cases"]) {
    const auto& corpus = corpora.at(entry["corpus"].get<std::size_t>());
    const auto segment = entry["seg"].get<std::size_t>();
    const std::string output = corpus["hyp"][segment];
    const auto references = references_of(corpus["refs"], segment);
    for (std::size_t i = 0; i < entry["bleu"].size(); ++i) {
      const auto options = options_of(figures["meta"]["bleu_args"][i]);
      const auto statistics = bleu_statistics(output, references, options);
      const auto& expected = entry["bleu"][i];
      const auto what = entry["corpus"].dump() + ":" + std::to_string(segment) + " " +
                        figures["meta"]["bleu_args"][i].dump();
      const auto score = bleu_score(statistics, options);
      expect_relative(score.score, expected[0], kTolerance, what);
      expect_relative(score.brevity_penalty, expected[1], kTolerance, what);
      EXPECT_EQ(statistics[0], expected[4].get<double>()) << what;
      EXPECT_EQ(statistics[1], expected[5].get<double>()) << what;
    }
    // What a task stores is sacrebleu's sentence score with effective order.
    expect_relative(*bleu(output, references).value, entry["bleu"][0][0], kTolerance, "sample");
  }
}

TEST(BleuGolden, ScoresFromStatistics) {
  for (const auto& entry : read_list("metrics_mt/bleu_from_stats.json", "cases")) {
    const auto options = options_of(entry);
    std::vector<double> statistics{entry["sys_len"], entry["ref_len"]};
    for (const char* part : {"correct", "total"}) {
      for (const auto& count : entry[part]) statistics.push_back(count);
    }
    const auto score = bleu_score(statistics, options);
    expect_relative(score.score, entry["score"], kTolerance, entry.dump());
    for (std::size_t i = 0; i < options.max_order; ++i) {
      expect_relative(score.precisions[i], entry["precisions"][i], kTolerance, entry.dump());
    }
  }
}

}  // namespace
}  // namespace trellis::metrics
