/// Repetition penalty: tokens that have occurred become less probable.
#include <algorithm>
#include <cmath>

#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

struct Options {
  double penalty = 1.2;
  bool include_prompt = true;
  std::int64_t last_n = 0;
};

const auto schema =
    sdk::Settings<Options>()
        .number("penalty", &Options::penalty, {.above = 0, .at_most = 100},
                "Above 1 repetitions are rarer, below 1 more frequent; 1 changes nothing.")
        .boolean("include_prompt", &Options::include_prompt,
                 "The prompt's tokens count as having occurred.")
        .integer("last_n", &Options::last_n, {.at_least = 0},
                 "Only this many last tokens count; 0 for all.");

class RepetitionPenalty {
 public:
  static sdk::Json description() {
    return {
        {"id", "repetition_penalty"},
        {"kind", "logits_processor"},
        {"version", "1.0.0"},
        {"summary", "Makes every token that has occurred less probable, once."},
        {"formula",
         "s'(v) = s(v) / penalty if s(v) > 0, else s(v) * penalty, for every v that has occurred"},
        {"reference", "Keskar et al. 2019, arXiv:1909.05858"},
        {"rank", 120},
        {"primary", "penalty"},
        {"settings", schema.description()}};
  }

  explicit RepetitionPenalty(const sdk::Json& settings) : options_(schema.read(settings)) {}

  void apply(const trellis_sequence& sequence, std::span<float> logits) const {
    auto seen = sdk::history(sequence, options_.include_prompt);
    const auto last = static_cast<std::size_t>(options_.last_n);
    if (last > 0 && last < seen.size()) seen.erase(seen.begin(), seen.end() - options_.last_n);
    std::sort(seen.begin(), seen.end());
    seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
    const auto penalty = static_cast<float>(options_.penalty);
    for (const auto token : seen) {
      float& logit = logits[static_cast<std::size_t>(token)];
      logit = logit < 0 ? logit * penalty : logit / penalty;
    }
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::logits_processor_factory<RepetitionPenalty>());
