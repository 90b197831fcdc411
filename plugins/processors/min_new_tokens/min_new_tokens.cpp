/// Minimum length of the output: no end symbol before it.

#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

struct Options {
  std::int64_t tokens = 10;
};

const auto schema = sdk::Settings<Options>().integer(
    "tokens", &Options::tokens, {.at_least = 0}, "Tokens of output before an end symbol may come.");

class MinNewTokens {
 public:
  static sdk::Json description() {
    return {{"id", "min_new_tokens"},
            {"kind", "logits_processor"},
            {"version", "1.0.0"},
            {"summary", "Forbids end symbols while the output is short."},
            {"formula", "s'(eos) = -inf while the output has fewer than the given tokens"},
            {"reference", "transformers' min_new_tokens"},
            {"rank", 180},
            {"primary", "tokens"},
            {"settings", schema.description()}};
  }

  explicit MinNewTokens(const sdk::Json& settings) : options_(schema.read(settings)) {}

  void apply(const trellis_sequence& sequence, std::span<float> logits) const {
    if (sequence.token_count >= static_cast<std::size_t>(options_.tokens)) return;
    for (const auto token : sdk::eos_of(sequence)) {
      logits[static_cast<std::size_t>(token)] = sdk::kForbidden;
    }
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::logits_processor_factory<MinNewTokens>());
