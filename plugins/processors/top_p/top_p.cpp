/// Nucleus sampling: the smallest set of most probable tokens whose mass reaches p.
#include "core/kernels/nucleus.hpp"
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
            {"formula", "in falling order: v stays if the mass before it is < top_p"},
            {"reference", "Holtzman et al. 2020"},
            {"rank", 620},
            {"primary", "top_p"},
            {"settings", schema.description()}};
  }

  explicit TopP(const sdk::Json& settings) : options_(schema.read(settings)) {}

  void apply(const trellis_sequence&, std::span<float> logits) const {
    // Only memory: nothing of an earlier call is read.
    static thread_local trellis::kernels::NucleusScratch scratch;
    trellis::kernels::keep_nucleus(logits, options_.top_p,
                                   static_cast<std::size_t>(options_.min_tokens_to_keep), scratch);
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::logits_processor_factory<TopP>());
