/// Turns what the other processors left into log-probabilities that add up to one.
#include "core/kernels/distribution.hpp"
#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

class LogNormalize {
 public:
  static sdk::Json description() {
    return {{"id", "log_normalize"},
            {"kind", "logits_processor"},
            {"version", "1.0.0"},
            {"summary", "Turns what the other processors left into log-probabilities."},
            {"formula", "s'(v) = s(v) - log sum exp s"},
            {"rank", 900},
            {"settings", sdk::Json::array()}};
  }

  explicit LogNormalize(const sdk::Json&) {}

  void apply(const trellis_sequence&, std::span<float> logits) const {
    trellis::kernels::log_softmax(logits, logits);
  }
};

}  // namespace

TRELLIS_PLUGIN(sdk::logits_processor_factory<LogNormalize>());
