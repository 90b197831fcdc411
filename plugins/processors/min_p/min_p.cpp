/// Min-p: only tokens whose probability is at least a share of the greatest one stay.
#include <cmath>
#include <vector>

#include "core/kernels/distribution.hpp"
#include "core/kernels/selection.hpp"
#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

struct Options {
  double min_p = 0.05;
  std::int64_t min_tokens_to_keep = 1;
};

const auto schema =
    sdk::Settings<Options>()
        .number("min_p", &Options::min_p, {.at_least = 0, .at_most = 1},
                "Share of the greatest probability that a token needs; 0 changes nothing.")
        .integer("min_tokens_to_keep", &Options::min_tokens_to_keep, {.at_least = 1},
                 "The most probable tokens that stay whatever their share.");

class MinP {
 public:
  static sdk::Json description() {
    return {{"id", "min_p"},
            {"kind", "logits_processor"},
            {"version", "1.0.0"},
            {"summary", "Keeps the tokens whose probability is a share of the greatest one."},
            {"formula", "v stays if p(v) >= min_p * max p"},
            {"reference", "Nguyen et al. 2024, arXiv:2407.01082"},
            {"rank", 630},
            {"primary", "min_p"},
            {"settings", schema.description()}};
  }

  explicit MinP(const sdk::Json& settings) : options_(schema.read(settings)) {}

  void apply(const trellis_sequence&, std::span<float> logits) const {
    if (!trellis::kernels::has_choice(logits)) return;  // the host finds such logits by itself
    // A ratio of probabilities is a difference of logits, so no softmax is needed.
    const double greatest = logits[trellis::kernels::argmax(logits)];
    std::vector<std::uint32_t> protected_tokens;
    std::vector<float> kept;
    if (options_.min_tokens_to_keep > 1) {  // the most probable one stays in any case
      trellis::kernels::top_k(logits, static_cast<std::size_t>(options_.min_tokens_to_keep),
                              protected_tokens);
      for (const auto token : protected_tokens) kept.push_back(logits[token]);
    }
    trellis::kernels::forbid_less(logits, greatest + std::log(options_.min_p));
    for (std::size_t i = 0; i < kept.size(); ++i) logits[protected_tokens[i]] = kept[i];
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::logits_processor_factory<MinP>());
