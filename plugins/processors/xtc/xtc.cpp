/// XTC, exclude top choices: now and then all probable tokens but the least probable of them go.
#include <cmath>
#include <vector>

#include "core/kernels/distribution.hpp"
#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

struct Options {
  double probability = 0.5;
  double threshold = 0.1;
};

const auto schema = sdk::Settings<Options>()
                        .number("probability", &Options::probability, {.at_least = 0, .at_most = 1},
                                "How often, over positions, the top choices are excluded.")
                        .number("threshold", &Options::threshold, {.above = 0, .at_most = 0.5},
                                "Probability that makes a token a top choice; two must have it.");

// This processor's own place among the draws of a position.
constexpr std::uint32_t kDraw = TRELLIS_PROCESSOR_DRAWS + 0x585443;

class Xtc {
 public:
  static sdk::Json description() {
    return {
        {"id", "xtc"},
        {"kind", "logits_processor"},
        {"version", "1.0.0"},
        {"summary", "Now and then forbids all top choices but the least probable of them."},
        {"formula",
         "with the given probability: of {v : p(v) >= threshold} only the least probable stays"},
        {"reference", "Weidmann 2024 (text-generation-webui, pull request 6335)"},
        {"rank", 670},
        {"stochastic", true},
        {"primary", "probability"},
        {"settings", schema.description()}};
  }

  explicit Xtc(const sdk::Json& settings) : options_(schema.read(settings)) {}

  void apply(const trellis_sequence& sequence, std::span<float> logits) const {
    if (!trellis::kernels::has_choice(logits)) return;
    const auto& noise = *sequence.noise;
    if (noise.uniform(noise.context, sequence.token_count, kDraw) >= options_.probability) return;
    const double least = trellis::kernels::log_sum_exp(logits) + std::log(options_.threshold);
    std::vector<std::size_t> top;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      if (static_cast<double>(logits[i]) >= least) top.push_back(i);
    }
    if (top.size() < 2) return;
    std::size_t stays = top.front();
    for (const auto token : top) {
      if (logits[token] < logits[stays]) stays = token;
    }
    for (const auto token : top) {
      if (token != stays) logits[token] = sdk::kForbidden;
    }
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::logits_processor_factory<Xtc>());
