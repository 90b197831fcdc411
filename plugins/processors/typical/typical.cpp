/// Locally typical sampling: tokens whose surprise is near the expected one.
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
  double mass = 0.9;
  std::int64_t min_tokens_to_keep = 1;
};

const auto schema =
    sdk::Settings<Options>()
        .number("mass", &Options::mass, {.above = 0, .below = 1},
                "Share of probability that is kept; the token that crosses it stays.")
        .integer("min_tokens_to_keep", &Options::min_tokens_to_keep, {.at_least = 1},
                 "The most typical tokens that stay whatever their share.");

class Typical {
 public:
  static sdk::Json description() {
    return {{"id", "typical"},
            {"kind", "logits_processor"},
            {"version", "1.0.0"},
            {"summary", "Keeps the tokens whose surprise is nearest to the entropy."},
            {"formula", "in order of |-log p(v) - H(p)|: v stays if the mass before it is < mass"},
            {"reference", "Meister, Pimentel, Wiher, Cotterell 2023, arXiv:2202.00666"},
            {"rank", 640},
            {"primary", "mass"},
            {"settings", schema.description()}};
  }

  explicit Typical(const sdk::Json& settings) : options_(schema.read(settings)) {}

  void apply(const trellis_sequence&, std::span<float> logits) const {
    if (!trellis::kernels::has_choice(logits)) return;
    const auto [log_sum_exp, entropy] = trellis::kernels::describe_distribution(logits);
    const std::size_t size = logits.size();
    std::vector<double> distance(size);
    for (std::size_t i = 0; i < size; ++i) {
      distance[i] = std::abs(log_sum_exp - static_cast<double>(logits[i]) - entropy);
    }
    std::vector<std::uint32_t> order(size);
    std::iota(order.begin(), order.end(), 0U);
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      return distance[a] != distance[b] ? distance[a] < distance[b] : a < b;
    });
    std::size_t last = 0;  // place of the token that crosses the mass
    double sum = 0;
    for (; last + 1 < size; ++last) {
      sum += std::exp(static_cast<double>(logits[order[last]]) - log_sum_exp);
      if (sum >= options_.mass) break;
    }
    // Equals of that token stay too, so nothing depends on their order.
    const double farthest = distance[order[last]];
    const auto least = static_cast<std::size_t>(options_.min_tokens_to_keep);
    for (std::size_t place = least; place < size; ++place) {
      if (distance[order[place]] > farthest) logits[order[place]] = sdk::kForbidden;
    }
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::logits_processor_factory<Typical>());
