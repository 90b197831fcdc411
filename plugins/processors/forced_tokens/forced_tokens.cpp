/// Forced tokens: how the output begins.
#include <algorithm>

#include "plugins/processors/token_sequences.hpp"
#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

struct Options {
  std::vector<sdk::Json> tokens;
};

const auto schema = sdk::Settings<Options>().list(
    "tokens", &Options::tokens,
    "Texts, as the model splits them, and ids that the output begins with, in a row.");

class ForcedTokens {
 public:
  static sdk::Json description() {
    return {{"id", "forced_tokens"},
            {"kind", "logits_processor"},
            {"version", "1.0.0"},
            {"summary", "Lets the output begin with the given texts and token ids."},
            {"formula", "at place i: s'(v_i) = 0, all others -inf"},
            {"reference", "transformers' forced_bos_token_id, for any number of tokens"},
            {"rank", 200},
            {"primary", "tokens"},
            {"settings", schema.description()}};
  }

  explicit ForcedTokens(const sdk::Json& settings)
      : options_(schema.read(settings)), forced_(options_.tokens, {}) {}

  void bind(const trellis_vocabulary& vocabulary) { forced_.bind(vocabulary); }

  void apply(const trellis_sequence& sequence, std::span<float> logits) const {
    auto place = sequence.token_count;
    for (const auto& tokens : forced_.of(logits.size())) {
      if (place < tokens.size()) {
        std::fill(logits.begin(), logits.end(), sdk::kForbidden);
        logits[static_cast<std::size_t>(tokens[place])] = 0;
        return;
      }
      place -= tokens.size();
    }
  }

 private:
  Options options_;
  trellis::processors::TokenSequences forced_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::logits_processor_factory<ForcedTokens>());
