/// Allowed tokens: nothing else may come.
#include <algorithm>

#include "plugins/processors/token_sequences.hpp"
#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

struct Options {
  std::vector<sdk::Json> tokens;
  bool eos = true;
};

const auto schema =
    sdk::Settings<Options>()
        .list("tokens", &Options::tokens, "Texts, as the model splits them, and ids that may come.")
        .boolean("eos", &Options::eos, "End symbols may come too.");

class AllowedTokens {
 public:
  static sdk::Json description() {
    return {{"id", "allowed_tokens"},
            {"kind", "logits_processor"},
            {"version", "1.0.0"},
            {"summary", "Forbids everything but the given texts and token ids."},
            {"formula", "s'(v) = -inf for every v that is not listed"},
            {"reference", "transformers' prefix_allowed_tokens_fn, with a constant list"},
            {"rank", 190},
            {"primary", "tokens"},
            {"settings", schema.description()}};
  }

  explicit AllowedTokens(const sdk::Json& settings)
      : options_(schema.read(settings)), allowed_(options_.tokens, {}) {}

  void bind(const trellis_vocabulary& vocabulary) { allowed_.bind(vocabulary); }

  void apply(const trellis_sequence& sequence, std::span<float> logits) const {
    std::vector<float> kept(logits.size(), sdk::kForbidden);
    const auto keep = [&](std::int32_t token) {
      kept[static_cast<std::size_t>(token)] = logits[static_cast<std::size_t>(token)];
    };
    for (const auto& tokens : allowed_.of(logits.size())) {
      std::for_each(tokens.begin(), tokens.end(), keep);
    }
    if (options_.eos) {
      for (const auto token : sdk::eos_of(sequence)) keep(token);
    }
    // As in the reference: where bans have left none of them, all are as good as each other.
    const bool none =
        std::all_of(kept.begin(), kept.end(), [](float logit) { return logit == sdk::kForbidden; });
    if (none) {
      for (const auto& tokens : allowed_.of(logits.size())) {
        for (const auto token : tokens) kept[static_cast<std::size_t>(token)] = 0;
      }
    }
    std::copy(kept.begin(), kept.end(), logits.begin());
  }

 private:
  Options options_;
  trellis::processors::TokenSequences allowed_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::logits_processor_factory<AllowedTokens>());
