/// Resampling against sacrebleu 2.6, with the indices that its random generator drew.
#include <algorithm>
#include <numeric>

#include "core/metrics/bleu.hpp"
#include "core/metrics/chrf.hpp"
#include "core/metrics/statistics.hpp"
#include "tests/golden/metrics_golden.hpp"

namespace trellis::metrics {
namespace {

using golden::read_figures;
using golden::references_of;
using nlohmann::json;

constexpr std::size_t kResamples = 200;  // of the cases whose draws are given

std::vector<SampleValue> samples_of(const std::string& metric, const json& data, std::size_t system,
                                    const std::string& tokenizer) {
  std::vector<SampleValue> samples;
  const auto& outputs = data["systems"][system][1];
  BleuOptions options;
  options.tokenizer = bleu_tokenizer(tokenizer);
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    const auto references = references_of(data["refs"], k);
    const std::string output = outputs[k];
    samples.push_back(metric == "bleu" ? bleu(output, references, options)
                                       : chrf(output, references));
  }
  return samples;
}

/// The draws of sacrebleu's generator for this seed and number of segments, if they are given.
const json* draws_of(const json& figures, const json& seed, std::size_t count) {
  for (const auto& draws : figures["rng"]) {
    if (draws["seed"] == seed && draws["n"] == count) return &draws;
  }
  return nullptr;
}

void expect_p_value(double p, bool equal, const json& expected, const std::string& what) {
  if (equal) {
    // sacrebleu counts only trials that differ by more than the data, so that a system differs
    // significantly from itself; here a trial that differs as much counts too.
    EXPECT_EQ(p, 1) << what;
    return;
  }
  // Two trials may fall on the other side of the threshold by float32.
  EXPECT_NEAR(p, expected["p_value"].get<double>(), 2.0 / (kResamples + 1) + 1e-12) << what;
}

DrawIndices given_indices(const json& draws) {
  return [&draws, row = std::size_t{0}](std::span<std::uint32_t> indices) mutable {
    for (std::size_t i = 0; i < indices.size(); ++i) indices[i] = draws["bs_choice"][row][i];
    ++row;
  };
}

void expect_bootstrap(const std::string& metric, const std::vector<SampleValue>& baseline,
                      const std::vector<SampleValue>& samples, const json& draws,
                      const json& expected, const std::string& what) {
  auto values = bootstrap_values(metric, samples, kResamples, given_indices(draws));
  ASSERT_EQ(values.size(), kResamples);
  std::sort(values.begin(), values.end());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / kResamples;
  const std::size_t cut = kResamples / 40;
  const double half_width = (values[kResamples - 1 - cut] - values[cut]) / 2;
  // sacrebleu sums resamples in float32.
  EXPECT_NEAR(mean, expected["mean"].get<double>(), 1e-4) << what;
  EXPECT_NEAR(half_width, expected["ci"].get<double>(), 1e-4) << what;
  if (expected["p_value"].is_null()) return;
  expect_p_value(bootstrap_p_value(metric, baseline, samples, kResamples, given_indices(draws)),
                 corpus_value(metric, baseline) == corpus_value(metric, samples), expected, what);
}

void expect_randomization(const std::string& metric, const std::vector<SampleValue>& baseline,
                          const std::vector<SampleValue>& candidate, const json& draws,
                          const json& expected, const std::string& what) {
  if (expected["p_value"].is_null()) return;
  std::size_t row = 0;
  const double p = randomization_p_value(metric, baseline, candidate, kResamples,
                                         [&](std::span<std::uint8_t> swaps) {
                                           const std::string bits = draws["ar_select_bits"][row];
                                           for (std::size_t i = 0; i < swaps.size(); ++i)
                                             swaps[i] = bits[i] == '1' ? 1 : 0;
                                           ++row;
                                         });
  expect_p_value(p, corpus_value(metric, baseline) == corpus_value(metric, candidate), expected,
                 what);
}

TEST(SignificanceGolden, SameDrawsGiveTheSameIntervalsAndPValues) {
  const auto figures = read_figures("metrics_mt/significance.json");
  std::size_t compared = 0;
  for (const auto& test : figures["tests"]) {
    if (test["n_samples"] != kResamples) continue;
    const auto& data = figures["data"][test["data"].get<std::size_t>()];
    for (const auto& run : test["exact"]) {
      const auto* draws = draws_of(figures, run["seed"], data["refs"][0].size());
      if (draws == nullptr) continue;
      for (const auto& [name, metric] : {std::pair("BLEU", "bleu"), std::pair("chrF2", "chrf")}) {
        const auto baseline = samples_of(metric, data, 0, test["tokenize"]);
        const auto& results = run["results"][name];
        for (std::size_t system = 0; system < results.size(); ++system) {
          const auto candidate = samples_of(metric, data, system, test["tokenize"]);
          const auto what = test["data"].dump() + name + std::to_string(system);
          EXPECT_NEAR(*corpus_value(metric, candidate), results[system]["score"].get<double>(),
                      1e-7)
              << what;
          if (test["test"] == "bs") {
            expect_bootstrap(metric, baseline, candidate, *draws, results[system], what);
          } else {
            expect_randomization(metric, baseline, candidate, *draws, results[system], what);
          }
          ++compared;
        }
      }
    }
  }
  EXPECT_GT(compared, 0U);
}

/// What sacrebleu's own seeds give: `spread` holds mean and standard deviation over them.
void expect_within_seeds(double actual, const json& spread, const std::string& name, double least,
                         const std::string& what) {
  EXPECT_NEAR(actual, spread[name + "_mean"].get<double>(),
              std::max(5 * spread[name + "_sd"].get<double>(), least))
      << what << name;
}

/// Trellis draws with another generator: its p-values and intervals must lie within five standard
/// deviations of what sacrebleu's own seeds give, and for p-values at least three draws.
TEST(SignificanceGolden, OwnDrawsAgreeWithinTheNoiseOfSeeds) {
  const auto figures = read_figures("metrics_mt/significance.json");
  std::size_t compared = 0;
  for (const auto& test : figures["tests"]) {
    if (!test.contains("spread_over_seeds")) continue;
    const auto& data = figures["data"][test["data"].get<std::size_t>()];
    const std::size_t resamples = test["n_samples"];
    const double least = 3.0 / static_cast<double>(resamples);
    for (const auto& [name, metric] : {std::pair("BLEU", "bleu"), std::pair("chrF2", "chrf")}) {
      const auto baseline = samples_of(metric, data, 0, test["tokenize"]);
      const auto& spreads = test["spread_over_seeds"][name];
      for (std::size_t i = 0; i < spreads.size(); ++i) {
        const auto candidate = samples_of(metric, data, i + 1, test["tokenize"]);
        if (corpus_value(metric, baseline) == corpus_value(metric, candidate)) continue;
        const auto result = paired_test(metric, baseline, candidate, {resamples, 12345, 0.95});
        ASSERT_TRUE(result);
        const auto what = test["data"].dump() + name + test["test"].dump() + std::to_string(i + 1);
        expect_within_seeds(test["test"] == "bs" ? result->bootstrap_p : result->p_value,
                            spreads[i], "p", least, what);
        ++compared;
      }
      if (!test.contains("ci_spread")) continue;
      const auto& intervals = test["ci_spread"][name];
      for (std::size_t i = 0; i < intervals.size(); ++i) {
        const auto samples = samples_of(metric, data, i, test["tokenize"]);
        const auto interval = bootstrap_interval(metric, samples, {resamples, 12345, 0.95});
        ASSERT_TRUE(interval);
        expect_within_seeds((interval->high - interval->low) / 2, intervals[i], "ci", 0,
                            test["data"].dump() + name + std::to_string(i));
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, 0U);
}

}  // namespace
}  // namespace trellis::metrics
