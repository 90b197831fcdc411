/// No repeated n-gram: what would complete one for the second time is forbidden.

#include "plugins/processors/ngrams.hpp"
#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

struct Options {
  std::int64_t n = 3;
  bool include_prompt = true;
};

const auto schema = sdk::Settings<Options>()
                        .integer("n", &Options::n, {.at_least = 1, .at_most = 1000},
                                 "Length of the sequences that may occur only once, in tokens.")
                        .boolean("include_prompt", &Options::include_prompt,
                                 "Sequences of the prompt may not occur again either.");

class NoRepeatNgram {
 public:
  static sdk::Json description() {
    return {
        {"id", "no_repeat_ngram"},
        {"kind", "logits_processor"},
        {"version", "1.0.0"},
        {"summary", "Forbids tokens that would complete an n-gram for the second time."},
        {"formula", "s'(v) = -inf if the last n-1 tokens and v are an n-gram of the text so far"},
        {"reference", "Paulus, Xiong, Socher 2017, arXiv:1705.04304"},
        {"rank", 140},
        {"primary", "n"},
        {"settings", schema.description()}};
  }

  explicit NoRepeatNgram(const sdk::Json& settings) : options_(schema.read(settings)) {}

  void apply(const trellis_sequence& sequence, std::span<float> logits) const {
    const auto tokens = sdk::history(sequence, options_.include_prompt);
    trellis::processors::forbid_ngrams(tokens, tokens, static_cast<std::size_t>(options_.n),
                                       logits);
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::logits_processor_factory<NoRepeatNgram>());
