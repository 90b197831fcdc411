/// Top-n-sigma: tokens whose logit lies within some standard deviations of the greatest stay.
#include <cmath>

#include "core/kernels/distribution.hpp"
#include "core/kernels/selection.hpp"
#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

struct Options {
  double n = 1.0;
};

const auto schema = sdk::Settings<Options>().number(
    "n", &Options::n, {.above = 0, .at_most = 100},
    "How many standard deviations below the greatest logit a token may lie.");

class TopNSigma {
 public:
  static sdk::Json description() {
    return {{"id", "top_n_sigma"},
            {"kind", "logits_processor"},
            {"version", "1.0.0"},
            {"summary", "Keeps the tokens within n standard deviations of the greatest logit."},
            {"formula", "v stays if s(v) >= max s - n * sigma(s)"},
            {"reference", "Tang et al. 2024, arXiv:2411.07641"},
            {"rank", 604},
            {"primary", "n"},
            {"settings", schema.description()}};
  }

  explicit TopNSigma(const sdk::Json& settings) : n_(schema.read(settings).n) {}

  void apply(const trellis_sequence&, std::span<float> logits) const {
    if (!trellis::kernels::has_choice(logits)) return;
    // Forbidden tokens have no part in the deviation.
    double sum = 0;
    double count = 0;
    for (const float logit : logits) {
      if (std::isinf(logit)) continue;
      sum += static_cast<double>(logit);
      ++count;
    }
    const double mean = sum / count;
    double squares = 0;
    for (const float logit : logits) {
      if (std::isinf(logit)) continue;
      squares += (static_cast<double>(logit) - mean) * (static_cast<double>(logit) - mean);
    }
    const double greatest = logits[trellis::kernels::argmax(logits)];
    trellis::kernels::forbid_less(logits, greatest - n_ * std::sqrt(squares / count));
  }

 private:
  double n_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::logits_processor_factory<TopNSigma>());
