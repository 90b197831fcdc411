/// Encoder repetition penalty: tokens of the source become more probable.
#include <algorithm>

#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

struct Options {
  double penalty = 1.2;
};

const auto schema = sdk::Settings<Options>().number(
    "penalty", &Options::penalty, {.above = 0, .at_most = 100},
    "Above 1 the source's tokens are preferred, below 1 avoided; 1 changes nothing.");

class EncoderRepetitionPenalty {
 public:
  static sdk::Json description() {
    return {{"id", "encoder_repetition_penalty"},
            {"kind", "logits_processor"},
            {"version", "1.0.0"},
            {"summary", "Makes every token of the source more probable, once."},
            {"formula",
             "s'(v) = s(v) * penalty if s(v) > 0, else s(v) / penalty, for every v in the source"},
            {"reference", "transformers' EncoderRepetitionPenaltyLogitsProcessor"},
            {"rank", 110},
            {"primary", "penalty"},
            {"settings", schema.description()}};
  }

  explicit EncoderRepetitionPenalty(const sdk::Json& settings) : options_(schema.read(settings)) {}

  void apply(const trellis_sequence& sequence, std::span<float> logits) const {
    const std::span<const std::int32_t> encoder(sequence.encoder, sequence.encoder_count);
    const std::span<const std::int32_t> prompt(sequence.prompt, sequence.prompt_count);
    const auto source = encoder.empty() ? prompt : encoder;
    std::vector<std::int32_t> seen(source.begin(), source.end());
    std::sort(seen.begin(), seen.end());
    seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
    const auto bonus = static_cast<float>(1 / options_.penalty);
    for (const auto token : seen) {
      if (static_cast<std::size_t>(token) >= logits.size()) continue;  // the encoder's alone
      float& logit = logits[static_cast<std::size_t>(token)];
      logit = logit < 0 ? logit * bonus : logit / bonus;
    }
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::logits_processor_factory<EncoderRepetitionPenalty>());
