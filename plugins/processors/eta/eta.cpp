/// Eta sampling: a probability bound that falls where the distribution is flat.
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
        .number(
            "epsilon", &Options::epsilon, {.above = 0, .below = 1},
            "Upper end of the bound; its square root scales the part that depends on the entropy.")
        .integer("min_tokens_to_keep", &Options::min_tokens_to_keep, {.at_least = 1},
                 "The most probable tokens that stay whatever their probability.");

class Eta {
 public:
  static sdk::Json description() {
    return {{"id", "eta"},
            {"kind", "logits_processor"},
            {"version", "1.0.0"},
            {"summary",
             "Keeps the tokens whose probability reaches a bound that adapts to the entropy."},
            {"formula",
             "v stays if p(v) >= min(epsilon, sqrt(epsilon) * exp(-H(p))), or if it is the most "
             "probable"},
            {"reference", "Hewitt, Manning, Liang 2022, arXiv:2210.15191"},
            {"rank", 660},
            {"primary", "epsilon"},
            {"settings", schema.description()}};
  }

  explicit Eta(const sdk::Json& settings) : options_(schema.read(settings)) {}

  void apply(const trellis_sequence&, std::span<float> logits) const {
    if (!trellis::kernels::has_choice(logits)) return;
    const auto [log_sum_exp, entropy] = trellis::kernels::describe_distribution(logits);
    const double log_epsilon = std::log(options_.epsilon);
    const double least = log_sum_exp + std::min(log_epsilon, log_epsilon / 2 - entropy);
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

TRELLIS_PLUGIN(sdk::logits_processor_factory<Eta>());
