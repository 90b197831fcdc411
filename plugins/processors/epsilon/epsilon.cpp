/// Epsilon sampling: only tokens above a fixed probability stay.
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/kernels/distribution.hpp"
#include "core/kernels/selection.hpp"
#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

struct Options {
  double epsilon = 0.0003;
  std::int64_t min_tokens_to_keep = 1;
};

const auto schema =
    sdk::Settings<Options>()
        .number("epsilon", &Options::epsilon, {.above = 0, .below = 1},
                "Probability that a token needs.")
        .integer("min_tokens_to_keep", &Options::min_tokens_to_keep, {.at_least = 1},
                 "The most probable tokens that stay whatever their probability.");

class Epsilon {
 public:
  static sdk::Json description() {
    return {{"id", "epsilon"},
            {"kind", "logits_processor"},
            {"version", "1.0.0"},
            {"summary", "Keeps the tokens whose probability reaches a fixed bound."},
            {"formula", "v stays if p(v) >= epsilon, or if it is the most probable"},
            {"reference", "Hewitt, Manning, Liang 2022, arXiv:2210.15191"},
            {"rank", 650},
            {"primary", "epsilon"},
            {"settings", schema.description()}};
  }

  explicit Epsilon(const sdk::Json& settings) : options_(schema.read(settings)) {}

  void apply(const trellis_sequence&, std::span<float> logits) const {
    if (!trellis::kernels::has_choice(logits)) return;
    const double least = trellis::kernels::log_sum_exp(logits) + std::log(options_.epsilon);
    const auto kept =
        std::min(static_cast<std::size_t>(options_.min_tokens_to_keep), logits.size());
    std::vector<float> scratch;
    // Equals of the last that must stay do too.
    const float safe = trellis::kernels::kth_greatest(logits, kept, scratch);
    trellis::kernels::forbid_less(logits, std::min(least, static_cast<double>(safe)));
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::logits_processor_factory<Epsilon>());
