/// Nucleus sampling: the smallest set of most probable tokens whose mass reaches p.
#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

#include "core/kernels/distribution.hpp"
#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

struct Options {
  double top_p = 0.9;
};

const auto schema = sdk::Settings<Options>().number(
    "top_p", &Options::top_p, {.above = 0, .at_most = 1},
    "Share of probability that is kept; the token that crosses it stays.");

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

  explicit TopP(const sdk::Json& settings) : top_p_(schema.read(settings).top_p) {}

  // A token stays when the mass strictly before it is below top_p.
  void apply(const trellis_sequence&, std::span<float> logits) const {
    if (top_p_ >= 1) return;
    std::vector<double> probabilities(logits.size());
    trellis::kernels::softmax(logits, probabilities);
    std::vector<std::uint32_t> order(logits.size());
    std::iota(order.begin(), order.end(), 0U);
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      return probabilities[a] != probabilities[b] ? probabilities[a] > probabilities[b] : a < b;
    });
    double before = 0;
    for (const auto token : order) {
      if (before >= top_p_) logits[token] = -std::numeric_limits<float>::infinity();
      before += probabilities[token];
    }
  }

 private:
  double top_p_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::logits_processor_factory<TopP>());
