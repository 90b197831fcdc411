/// No n-gram of the source: what would complete one is forbidden.

#include "plugins/processors/ngrams.hpp"
#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

struct Options {
  std::int64_t n = 3;
};

const auto schema =
    sdk::Settings<Options>().integer("n", &Options::n, {.at_least = 1, .at_most = 1000},
                                     "Length of the sequences that may not be copied, in tokens.");

class EncoderNoRepeatNgram {
 public:
  static sdk::Json description() {
    return {{"id", "encoder_no_repeat_ngram"},
            {"kind", "logits_processor"},
            {"version", "1.0.0"},
            {"summary", "Forbids tokens that would complete an n-gram of the source."},
            {"formula", "s'(v) = -inf if the last n-1 tokens and v are an n-gram of the source"},
            {"reference", "Roller et al. 2020, arXiv:2004.13637"},
            {"rank", 150},
            {"primary", "n"},
            {"settings", schema.description()}};
  }

  explicit EncoderNoRepeatNgram(const sdk::Json& settings) : options_(schema.read(settings)) {}

  void apply(const trellis_sequence& sequence, std::span<float> logits) const {
    const std::span<const std::int32_t> encoder(sequence.encoder, sequence.encoder_count);
    const std::span<const std::int32_t> prompt(sequence.prompt, sequence.prompt_count);
    const auto tokens = sdk::history(sequence);
    trellis::processors::forbid_ngrams(encoder.empty() ? prompt : encoder, tokens,
                                       static_cast<std::size_t>(options_.n), logits);
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::logits_processor_factory<EncoderNoRepeatNgram>());
