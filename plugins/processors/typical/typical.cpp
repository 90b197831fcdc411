/// Locally typical sampling: tokens whose surprise is near the expected one.
#include "core/kernels/nucleus.hpp"
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
    // Only memory: nothing of an earlier call is read.
    static thread_local trellis::kernels::NucleusScratch scratch;
    trellis::kernels::keep_typical(logits, options_.mass,
                                   static_cast<std::size_t>(options_.min_tokens_to_keep), scratch);
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::logits_processor_factory<Typical>());
