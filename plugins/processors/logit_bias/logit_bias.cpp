/// Logit bias: a number added to the logits of given tokens.

#include "plugins/processors/token_sequences.hpp"
#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

struct Options {
  std::vector<sdk::Json> tokens;
  std::vector<std::string> sequences;
  std::vector<sdk::Json> biases = {1.0};
};

const auto schema =
    sdk::Settings<Options>()
        .list("tokens", &Options::tokens,
              "Texts, as the model splits them, and ids of what gains or loses.")
        .strings("sequences", &Options::sequences,
                 "The same as ids with spaces between: one sequence of several tokens each.")
        .list("biases", &Options::biases,
              "What is added: one number for all, or one for each of tokens, then sequences.");

class LogitBias {
 public:
  static sdk::Json description() {
    return {{"id", "logit_bias"},
            {"kind", "logits_processor"},
            {"version", "1.0.0"},
            {"summary", "Adds a number to the logits of texts and token ids."},
            {"formula", "s'(v) = s(v) + the biases of all listed sequences that v would complete"},
            {"reference", "transformers' sequence_bias; OpenAI's logit_bias"},
            {"rank", 100},
            {"settings", schema.description()}};
  }

  explicit LogitBias(const sdk::Json& settings)
      : options_(schema.read(settings)), biased_(options_.tokens, options_.sequences) {
    const auto count = options_.tokens.size() + options_.sequences.size();
    for (const auto& bias : options_.biases) {
      if (!bias.is_number()) {
        throw sdk::Failure(TRELLIS_INVALID_ARGUMENT, "biases: " + bias.dump() + " is not a number");
      }
      biases_.push_back(bias.get<float>());
    }
    if (biases_.size() == 1) biases_.resize(count, biases_.front());
    if (biases_.size() != count) {
      throw sdk::Failure(TRELLIS_INVALID_ARGUMENT,
                         "there are " + std::to_string(biases_.size()) + " biases for " +
                             std::to_string(count) +
                             " tokens and sequences: give one for all, or one for each");
    }
  }

  void bind(const trellis_vocabulary& vocabulary) { biased_.bind(vocabulary); }

  void apply(const trellis_sequence& sequence, std::span<float> logits) const {
    const auto tokens = sdk::history(sequence);
    const auto& biased = biased_.of(logits.size());
    std::vector<float> sums(logits.size());
    for (std::size_t i = 0; i < biased.size(); ++i) {
      if (trellis::processors::continues(tokens, biased[i])) {
        sums[static_cast<std::size_t>(biased[i].back())] += biases_[i];
      }
    }
    for (std::size_t i = 0; i < sums.size(); ++i) logits[i] += sums[i];
  }

 private:
  Options options_;
  trellis::processors::TokenSequences biased_;
  std::vector<float> biases_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::logits_processor_factory<LogitBias>());
