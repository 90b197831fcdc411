/// Best of n: several samples at once, of which the most probable is the answer.
#include <cmath>

#include "plugins/strategies/samples.hpp"
#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

struct Options {
  std::int64_t n = 8;
  double length_penalty = 1.0;
};

const auto schema =
    sdk::Settings<Options>()
        .integer("n", &Options::n, {.at_least = 1, .at_most = 1000}, "How many samples are drawn.")
        .number(
            "length_penalty", &Options::length_penalty, {.at_least = -10, .at_most = 10},
            "The sum of log-probabilities is divided by length to this power; 0 compares sums.");

class BestOfNSearch final : public sdk::Search {
 public:
  explicit BestOfNSearch(const Options& options)
      : samples_(static_cast<std::size_t>(options.n)), length_penalty_(options.length_penalty) {}

  void advance(const trellis_view& view, sdk::Answer& answer) override {
    samples_.advance(view, answer, [&](const trellis::strategies::EndedSample& sample) {
      const auto length = static_cast<double>(sample.tokens.size());
      return sample.log_probability / std::pow(length, length_penalty_);
    });
  }

 private:
  trellis::strategies::ParallelSamples samples_;
  double length_penalty_;
};

class BestOfN {
 public:
  static sdk::Json description() {
    return {{"id", "best_of_n"},
            {"kind", "strategy"},
            {"version", "1.0.0"},
            {"summary", "Draws n samples and answers with the one that is the most probable."},
            {"formula", "argmax over n samples of sum of log p(y_t) / |y|^length_penalty"},
            {"reference", "Adiwardana et al. 2020, arXiv:2001.09977 (sample and rank)"},
            {"stochastic", true},
            {"width", "n"},
            {"primary", "n"},
            {"settings", schema.description()}};
  }

  explicit BestOfN(const sdk::Json& settings) : options_(schema.read(settings)) {}

  std::unique_ptr<sdk::Search> open_search() const {
    return std::make_unique<BestOfNSearch>(options_);
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::strategy_factory<BestOfN>());
