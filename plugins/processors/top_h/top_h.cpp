/// Top-H: the most probable tokens whose entropy stays below a share of the whole.
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/kernels/distribution.hpp"
#include "core/kernels/selection.hpp"
#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

constexpr std::size_t kCandidates = 100;

struct Options {
  double top_h = 0.4;
};

const auto schema = sdk::Settings<Options>().number(
    "top_h", &Options::top_h, {.above = 0, .at_most = 1}, "Share of the entropy that is kept.");

class TopH {
 public:
  static sdk::Json description() {
    return {
        {"id", "top_h"},
        {"kind", "logits_processor"},
        {"version", "1.0.0"},
        {"summary", "Keeps the most probable tokens that hold a share of the entropy."},
        {"formula", "in falling order: v stays if the sum of -p log p up to it is <= top_h * H(p)"},
        {"reference", "Potraghloo et al. 2025, arXiv:2509.02510"},
        {"rank", 606},
        {"primary", "top_h"},
        {"settings", schema.description()}};
  }

  explicit TopH(const sdk::Json& settings) : top_h_(schema.read(settings).top_h) {}

  void apply(const trellis_sequence&, std::span<float> logits) const {
    if (!trellis::kernels::has_choice(logits)) return;
    std::vector<std::uint32_t> candidates;
    trellis::kernels::top_k(logits, kCandidates, candidates);
    std::vector<float> kept(candidates.size());
    for (std::size_t i = 0; i < kept.size(); ++i) kept[i] = logits[candidates[i]];
    const auto [log_sum_exp, entropy] = trellis::kernels::describe_distribution(kept);
    std::fill(logits.begin(), logits.end(), sdk::kForbidden);
    double sum = 0;
    for (std::size_t i = 0; i < kept.size(); ++i) {
      const double log_p = static_cast<double>(kept[i]) - log_sum_exp;
      const double p = std::exp(log_p);
      sum -= p * log_p;
      // What has no probability in float32 adds nothing, and would go on without end.
      const bool beyond = sum > top_h_ * entropy || static_cast<float>(p) == 0.0F;
      if (i > 0 && beyond) break;
      logits[candidates[i]] = kept[i];
    }
  }

 private:
  double top_h_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::logits_processor_factory<TopH>());
