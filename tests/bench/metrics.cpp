/// Metrics over many pairs of texts, beside sacrebleu and rouge-score; resampling; the search for
/// test data among training data.
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "core/metrics/metric.hpp"
#include "core/metrics/statistics.hpp"
#include "experiments/contamination.hpp"
#include "experiments/word_overlap.hpp"
#include "tests/abi/host.hpp"
#include "tests/bench/measure.hpp"
#include "tests/bench/python_reference.hpp"
#include "tests/bench/text.hpp"

namespace trellis::bench {
namespace {

constexpr std::size_t kPairs = 100'000;
constexpr std::size_t kReferencePairs =
    2'000;  // Python's share: its time a pair does not depend on it
constexpr std::size_t kSegments = 10'000;
constexpr std::size_t kResamples = 10'000;
constexpr std::size_t kLines = 1'000'000;
constexpr std::size_t kTests = 1'000;
constexpr std::size_t kWords = 13;
constexpr std::size_t kBytesEnough = 120;  // a sentence has fewer

struct Pairs {
  std::vector<std::string> outputs;
  std::vector<std::vector<std::string>> references;
};

/// Sentences, and the same with every fourth word taken from the next sentence.
Pairs make_pairs(std::size_t count) {
  const auto texts = sentences(count * kBytesEnough, 5);
  Pairs pairs;
  for (std::size_t i = 0; i + 1 < texts.size() && pairs.outputs.size() < count; ++i) {
    std::istringstream ours(texts[i]);
    std::istringstream others(texts[i + 1]);
    std::string output;
    std::string word;
    std::string other;
    for (std::size_t place = 0; ours >> word; ++place) {
      others >> other;
      output += (place > 0 ? " " : "") + (place % 4 == 3 ? other : word);
    }
    pairs.outputs.push_back(output);
    pairs.references.push_back({texts[i]});
  }
  return pairs;
}

/// Seconds that Python takes for the first pairs, or nothing where the library is missing.
std::optional<double> reference_seconds(const std::string& metric, const Pairs& pairs) {
  const tests::TemporaryFolder folder;
  const auto file = folder / "pairs.json";
  std::ofstream(file) << nlohmann::json{
      {"outputs", std::vector(pairs.outputs.begin(), pairs.outputs.begin() + kReferencePairs)},
      {"references",
       std::vector(pairs.references.begin(), pairs.references.begin() + kReferencePairs)}};
  return python_seconds("metrics_reference.py", {metric, file.string()});
}

void score(benchmark::State& state, const std::string& metric, const char* reference) {
  static const auto pairs = make_pairs(kPairs);
  const auto* definition = metrics::find_metric(metric);
  double ours = 0;
  double theirs = 0;
  for (auto _ : state) {
    const double begin = running();
    std::vector<metrics::SampleValue> samples;
    for (std::size_t i = 0; i < kPairs; ++i) {
      samples.push_back(definition->of_text({"", pairs.outputs[i], pairs.references[i], {}}));
    }
    benchmark::DoNotOptimize(metrics::corpus_value(metric, samples));
    ours += running() - begin;
    const auto seconds = reference_seconds(metric, pairs);
    if (!seconds) continue;
    theirs += *seconds * kPairs / kReferencePairs;
  }
  const auto count = static_cast<double>(kPairs) * static_cast<double>(state.iterations());
  if (theirs > 0) {
    report_pair(state, reference, "pairs/s", count, {ours, theirs});
    return;
  }
  std::cerr << metric << ": without " << reference
            << ", which the Python that TRELLIS_BENCH_PYTHON names does not have\n";
  report_rate(state, "pairs/s", count, ours);
}

void resample(benchmark::State& state) {
  const auto pairs = make_pairs(kSegments);
  std::vector<metrics::SampleValue> samples;
  for (std::size_t i = 0; i < kSegments; ++i) {
    samples.push_back(
        metrics::find_metric("bleu")->of_text({"", pairs.outputs[i], pairs.references[i], {}}));
  }
  for (auto _ : state) {
    benchmark::DoNotOptimize(metrics::bootstrap_interval("bleu", samples, {kResamples, 1, 0.95}));
  }
}

/// A million training lines, and the test sentences that are looked for in them.
template <typename Compare>
void search(benchmark::State& state, const Compare& compare) {
  static const auto texts = [] {
    auto made = sentences(kLines * kBytesEnough, 6);
    made.resize(kLines);
    return made;
  }();
  static const auto tests = sentences(kTests * kBytesEnough, 7);
  std::size_t lines = 0;
  double seconds = 0;
  for (auto _ : state) {
    seconds += seconds_of([&] { compare(texts, tests); });
    lines += texts.size();
  }
  report_rate(state, "lines/s", static_cast<double>(lines), seconds);
}

using Texts = std::vector<std::string>;

void search_whole(benchmark::State& state) {
  search(state, [](const Texts& texts, const Texts& tests) {
    experiments::TestTexts seen;
    for (std::size_t i = 0; i < tests.size(); ++i) seen.add(std::to_string(i), "", tests[i]);
    for (const auto& text : texts) seen.compare("", text);
    benchmark::DoNotOptimize(seen.seen());
  });
}

void search_words(benchmark::State& state) {
  search(state, [](const Texts& texts, const Texts& tests) {
    experiments::WordOverlap words(kWords);
    for (std::size_t i = 0; i < tests.size(); ++i) words.add(std::to_string(i), "", tests[i]);
    for (const auto& text : texts) words.compare(text);
    benchmark::DoNotOptimize(words.found());
  });
}

BENCHMARK_CAPTURE(score, bleu, "bleu", "sacrebleu")->Name("BLEU of 100,000 pairs")->Iterations(1);
BENCHMARK_CAPTURE(score, chrf, "chrf", "sacrebleu")->Name("chrF of 100,000 pairs")->Iterations(1);
BENCHMARK_CAPTURE(score, rouge, "rougeL", "rouge-score")
    ->Name("ROUGE of 100,000 pairs")
    ->Iterations(1);
BENCHMARK(resample)
    ->Name("10,000 resamples of BLEU of 10,000 segments")
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime();
BENCHMARK(search_whole)->Name("contamination, a million lines")->Iterations(1);
BENCHMARK(search_words)->Name("13 words in a row, a million lines")->Iterations(1);

}  // namespace
}  // namespace trellis::bench
