/// Temperature: logits divided by a number before the softmax.
#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

struct Options {
  double temperature = 1.0;
};

const auto schema = sdk::Settings<Options>().number(
    "temperature", &Options::temperature, {.above = 0, .at_most = 100},
    "Below 1 the distribution gets sharper, above 1 flatter; for the limit 0 use greedy.");

class Temperature {
 public:
  static sdk::Json description() {
    return {{"id", "temperature"},
            {"kind", "logits_processor"},
            {"version", "1.0.0"},
            {"summary", "Divides logits by a temperature."},
            {"formula", "p(v) ~ exp(s(v) / temperature)"},
            {"reference", "Ackley, Hinton, Sejnowski 1985"},
            {"rank", 500},
            {"primary", "temperature"},
            {"settings", schema.description()}};
  }

  explicit Temperature(const sdk::Json& settings)
      : temperature_(static_cast<float>(schema.read(settings).temperature)) {}

  void apply(const trellis_sequence&, std::span<float> logits) const {
    for (float& logit : logits) logit /= temperature_;
  }

 private:
  float temperature_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::logits_processor_factory<Temperature>());
