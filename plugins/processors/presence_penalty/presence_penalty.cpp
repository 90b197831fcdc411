/// Presence penalty: tokens that have occurred lose something, once.
#include <algorithm>

#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

struct Options {
  double penalty = 0.5;
  bool include_prompt = false;
};

const auto schema =
    sdk::Settings<Options>()
        .number("penalty", &Options::penalty, {.at_least = -100, .at_most = 100},
                "Taken off the logit of a token that has occurred; below 0 repetitions gain.")
        .boolean("include_prompt", &Options::include_prompt, "The prompt's tokens count too.");

class PresencePenalty {
 public:
  static sdk::Json description() {
    return {{"id", "presence_penalty"},
            {"kind", "logits_processor"},
            {"version", "1.0.0"},
            {"summary", "Takes something off the logit of every token that has occurred, once."},
            {"formula", "s'(v) = s(v) - penalty if v has occurred"},
            {"reference", "OpenAI's API reference"},
            {"rank", 132},
            {"primary", "penalty"},
            {"settings", schema.description()}};
  }

  explicit PresencePenalty(const sdk::Json& settings) : options_(schema.read(settings)) {}

  void apply(const trellis_sequence& sequence, std::span<float> logits) const {
    auto seen = sdk::history(sequence, options_.include_prompt);
    std::sort(seen.begin(), seen.end());
    seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
    for (const auto token : seen) {
      logits[static_cast<std::size_t>(token)] -= static_cast<float>(options_.penalty);
    }
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::logits_processor_factory<PresencePenalty>());
