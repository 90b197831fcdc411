/// Frequency penalty: every occurrence of a token takes something off its logit.
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
                "Taken off the logit for every occurrence; below 0 repetitions gain.")
        .boolean("include_prompt", &Options::include_prompt, "The prompt's tokens count too.");

class FrequencyPenalty {
 public:
  static sdk::Json description() {
    return {{"id", "frequency_penalty"},
            {"kind", "logits_processor"},
            {"version", "1.0.0"},
            {"summary", "Takes something off the logit of a token for each time it has occurred."},
            {"formula", "s'(v) = s(v) - penalty * count(v)"},
            {"reference", "OpenAI's API reference"},
            {"rank", 130},
            {"primary", "penalty"},
            {"settings", schema.description()}};
  }

  explicit FrequencyPenalty(const sdk::Json& settings) : options_(schema.read(settings)) {}

  void apply(const trellis_sequence& sequence, std::span<float> logits) const {
    auto seen = sdk::history(sequence, options_.include_prompt);
    std::sort(seen.begin(), seen.end());
    for (auto first = seen.begin(); first != seen.end();) {
      const auto next = std::upper_bound(first, seen.end(), *first);
      logits[static_cast<std::size_t>(*first)] -=
          static_cast<float>(options_.penalty * static_cast<double>(next - first));
      first = next;
    }
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::logits_processor_factory<FrequencyPenalty>());
