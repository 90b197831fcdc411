/// Exponential decay of length: from some point on the end symbol gains more and more.
#include <cmath>

#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

struct Options {
  std::int64_t start = 20;
  double factor = 1.05;
};

const auto schema = sdk::Settings<Options>()
                        .integer("start", &Options::start, {.at_least = 0},
                                 "Tokens of output after which end symbols begin to gain.")
                        .number("factor", &Options::factor, {.above = 0, .at_most = 10},
                                "Growth of the gain with every further token; 1 changes nothing.");

class ExponentialDecayLength {
 public:
  static sdk::Json description() {
    return {
        {"id", "exponential_decay_length"},
        {"kind", "logits_processor"},
        {"version", "1.0.0"},
        {"summary", "From some length on end symbols gain exponentially."},
        {"formula",
         "s'(eos) = s(eos) + |s(eos)| * (factor^(t - start) - 1) for t > start tokens of output"},
        {"reference", "transformers' exponential_decay_length_penalty"},
        {"rank", 230},
        {"settings", schema.description()}};
  }

  explicit ExponentialDecayLength(const sdk::Json& settings) : options_(schema.read(settings)) {}

  void apply(const trellis_sequence& sequence, std::span<float> logits) const {
    const auto start = static_cast<std::size_t>(options_.start);
    if (sequence.token_count <= start) return;
    const double growth =
        std::pow(options_.factor, static_cast<double>(sequence.token_count - start)) - 1;
    for (const auto token : sdk::eos_of(sequence)) {
      float& logit = logits[static_cast<std::size_t>(token)];
      // An infinite gain would be no number any more, and a forbidden end stays forbidden.
      const double gained =
          static_cast<double>(logit) + std::abs(static_cast<double>(logit)) * growth;
      if (!std::isinf(logit)) {
        logit = static_cast<float>(std::min(gained, double{std::numeric_limits<float>::max()}));
      }
    }
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::logits_processor_factory<ExponentialDecayLength>());
