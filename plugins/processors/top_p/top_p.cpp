/// Nucleus sampling: the smallest set of most probable tokens whose mass reaches p.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "core/kernels/distribution.hpp"
#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

struct Options {
  double top_p = 0.9;
  std::int64_t min_tokens_to_keep = 1;
};

const auto schema =
    sdk::Settings<Options>()
        .number("top_p", &Options::top_p, {.above = 0, .at_most = 1},
                "Share of probability that is kept; the token that crosses it stays.")
        .integer("min_tokens_to_keep", &Options::min_tokens_to_keep, {.at_least = 1},
                 "The most probable tokens that stay whatever their share.");

class TopP {
 public:
  static sdk::Json description() {
    return {{"id", "top_p"},
            {"kind", "logits_processor"},
            {"version", "1.0.0"},
            {"summary", "Keeps the most probable tokens that together hold a share of the mass."},
            {"reference", "Holtzman et al. 2020"},
            {"rank", 620},
            {"primary", "top_p"},
            {"settings", schema.description()}};
  }

  explicit TopP(const sdk::Json& settings) : options_(schema.read(settings)) {}

  // A token stays when the mass strictly before it is below top_p.
  void apply(const trellis_sequence&, std::span<float> logits) const {
    std::vector<double> probabilities(logits.size());
    // Without a distribution nothing can be ordered; the host finds such logits by itself.
    if (!std::isfinite(trellis::kernels::softmax(logits, probabilities))) return;
    std::vector<std::uint32_t> order(logits.size());
    std::iota(order.begin(), order.end(), 0U);
    // By logit, not by probability: those that underflow to zero still have an order.
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
    });
    const auto least = static_cast<std::size_t>(options_.min_tokens_to_keep);
    double before = 0;
    for (std::size_t place = 0; place < order.size(); ++place) {
      const double probability = probabilities[order[place]];
      // The sum may round up to 1 too early; what a top_p of 1 cuts has no probability at all.
      const bool beyond = options_.top_p < 1 ? before >= options_.top_p : probability == 0;
      if (place >= least && beyond) {
        logits[order[place]] = -std::numeric_limits<float>::infinity();
      }
      before += probability;
    }
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::logits_processor_factory<TopP>());
