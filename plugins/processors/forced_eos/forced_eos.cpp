/// Forced end: the last token before the length limit is an end symbol.
#include <algorithm>

#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

struct Options {
  std::int64_t before = 0;
};

const auto schema = sdk::Settings<Options>().integer(
    "before", &Options::before, {.at_least = 0},
    "How many tokens before the limit the end comes; 0: as the last token.");

class ForcedEos {
 public:
  static sdk::Json description() {
    return {{"id", "forced_eos"},
            {"kind", "logits_processor"},
            {"version", "1.0.0"},
            {"summary", "Makes the last token before the length limit an end symbol."},
            {"formula", "at the last place: s'(eos) = 0, all others -inf"},
            {"reference", "transformers' forced_eos_token_id"},
            {"rank", 210},
            {"settings", schema.description()}};
  }

  explicit ForcedEos(const sdk::Json& settings) : options_(schema.read(settings)) {}

  void apply(const trellis_sequence& sequence, std::span<float> logits) const {
    const auto left = sequence.max_new_tokens - sequence.token_count;
    if (left > static_cast<std::size_t>(options_.before) + 1 || sequence.eos_count == 0) return;
    std::fill(logits.begin(), logits.end(), sdk::kForbidden);
    for (const auto token : sdk::eos_of(sequence)) logits[static_cast<std::size_t>(token)] = 0;
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::logits_processor_factory<ForcedEos>());
