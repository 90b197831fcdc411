/// Banned tokens: texts and ids that may not come.

#include "plugins/processors/token_sequences.hpp"
#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

struct Options {
  std::vector<sdk::Json> tokens;
  std::vector<std::string> sequences;
  std::int64_t first = 0;
};

const auto schema =
    sdk::Settings<Options>()
        .list("tokens", &Options::tokens,
              "Texts, as the model splits them, and ids of what may not come.")
        .strings("sequences", &Options::sequences,
                 "The same as ids with spaces between: one sequence of several tokens each.")
        .integer("first", &Options::first, {.at_least = 0},
                 "Only among this many first tokens of output; 0: everywhere.");

class BannedTokens {
 public:
  static sdk::Json description() {
    return {{"id", "banned_tokens"},
            {"kind", "logits_processor"},
            {"version", "1.0.0"},
            {"summary", "Forbids texts and token ids."},
            {"formula", "s'(v) = -inf if v would complete a listed sequence"},
            {"reference", "transformers' bad_words_ids, suppress_tokens and begin_suppress_tokens"},
            {"rank", 160},
            {"primary", "tokens"},
            {"settings", schema.description()}};
  }

  explicit BannedTokens(const sdk::Json& settings)
      : options_(schema.read(settings)), banned_(options_.tokens, options_.sequences) {}

  void bind(const trellis_vocabulary& vocabulary) { banned_.bind(vocabulary); }

  void apply(const trellis_sequence& sequence, std::span<float> logits) const {
    const auto first = static_cast<std::size_t>(options_.first);
    if (first > 0 && sequence.token_count >= first) return;
    const auto tokens = sdk::history(sequence);
    for (const auto& banned : banned_.of(logits.size())) {
      if (trellis::processors::continues(tokens, banned)) {
        logits[static_cast<std::size_t>(banned.back())] = sdk::kForbidden;
      }
    }
  }

 private:
  Options options_;
  trellis::processors::TokenSequences banned_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::logits_processor_factory<BannedTokens>());
