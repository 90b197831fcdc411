/// Beam search with a length penalty.
#include <numeric>
#include <vector>

#include "plugins/strategies/beams.hpp"
#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

using Options = trellis::strategies::BeamOptions;

const auto schema =
    sdk::Settings<Options>()
        .integer("num_beams", &Options::num_beams, {.at_least = 1, .at_most = 1000},
                 "How many hypotheses are kept at every step.")
        .number("length_penalty", &Options::length_penalty, {.at_least = -10, .at_most = 10},
                "The sum of log-probabilities is divided by length to this power; above 0 longer "
                "outputs gain.")
        .choice("early_stopping", &Options::early_stopping, {"heuristic", "first", "never"},
                "When num_beams are finished: stop if none of today's length can beat them, stop "
                "at once, or stop only if none of any length can.");

class BeamSearch final : public sdk::Search {
 public:
  explicit BeamSearch(const Options& options) : beams_(options) {}

  void advance(const trellis_view& view, sdk::Answer& answer) override {
    members_.resize(view.hypothesis_count);
    std::iota(members_.begin(), members_.end(), std::size_t{0});
    beams_.advance(view, members_, {}, answer);
  }

 private:
  trellis::strategies::Beams beams_;
  std::vector<std::size_t> members_;
};

class Beam {
 public:
  static sdk::Json description() {
    return {{"id", "beam"},
            {"kind", "strategy"},
            {"version", "1.0.0"},
            {"summary", "Keeps the num_beams most probable hypotheses and answers with the best."},
            {"formula", "score(y) = sum of log p(y_t) / |y|^length_penalty"},
            {"reference", "Graves 2012; length penalty: Wu et al. 2016 (as a plain power)"},
            {"processors_see", "log_probabilities"},
            {"stochastic", false},
            {"width", "num_beams"},
            {"primary", "num_beams"},
            {"settings", schema.description()}};
  }

  explicit Beam(const sdk::Json& settings) : options_(schema.read(settings)) {}

  std::unique_ptr<sdk::Search> open_search() const {
    return std::make_unique<BeamSearch>(options_);
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::strategy_factory<Beam>());
