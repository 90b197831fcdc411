/// Minimum length, prompt included: no end symbol before it.

#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

struct Options {
  std::int64_t tokens = 10;
};

const auto schema = sdk::Settings<Options>().integer(
    "tokens", &Options::tokens, {.at_least = 0},
    "Tokens of prompt and output together before an end symbol may come.");

class MinLength {
 public:
  static sdk::Json description() {
    return {{"id", "min_length"},
            {"kind", "logits_processor"},
            {"version", "1.0.0"},
            {"summary", "Forbids end symbols while prompt and output together are short."},
            {"formula", "s'(eos) = -inf while prompt and output have fewer than the given tokens"},
            {"reference", "transformers' min_length"},
            {"rank", 170},
            {"primary", "tokens"},
            {"settings", schema.description()}};
  }

  explicit MinLength(const sdk::Json& settings) : options_(schema.read(settings)) {}

  void apply(const trellis_sequence& sequence, std::span<float> logits) const {
    const auto length = sequence.prompt_count + sequence.token_count;
    if (length >= static_cast<std::size_t>(options_.tokens)) return;
    for (const auto token : sdk::eos_of(sequence)) {
      logits[static_cast<std::size_t>(token)] = sdk::kForbidden;
    }
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::logits_processor_factory<MinLength>());
