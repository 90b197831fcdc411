/// Constrained decoding: only texts that a regular expression, a JSON schema or a grammar allows.

#include <algorithm>
#include <limits>
#include <mutex>
#include <optional>

#include "core/grammar/token_masks.hpp"
#include "core/text/lines.hpp"
#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;
namespace grammar = trellis::grammar;

struct Options {
  std::string regex;
  std::string json_schema;
  std::string json_schema_file;
  std::string gbnf;
  std::string gbnf_file;
  bool leading_space = true;
};

const auto schema =
    sdk::Settings<Options>()
        .string("regex", &Options::regex, "A regular expression that the whole output matches.")
        .string("json_schema", &Options::json_schema,
                "A JSON Schema, as text; the output is a JSON value that it allows.")
        .path("json_schema_file", &Options::json_schema_file, "A file that holds one.")
        .string("gbnf", &Options::gbnf, "A grammar in GBNF, as text; its rule root is the output.")
        .path("gbnf_file", &Options::gbnf_file, "A file that holds one.")
        .boolean(
            "leading_space", &Options::leading_space,
            "Lets one space stand before the output, as many vocabularies begin words with it.");

grammar::Grammar read(const Options& options) {
  const auto given = {options.regex, options.json_schema, options.json_schema_file, options.gbnf,
                      options.gbnf_file};
  if (std::count_if(given.begin(), given.end(), [](const auto& text) { return !text.empty(); }) !=
      1)
    throw sdk::Failure(TRELLIS_INVALID_ARGUMENT,
                       "give exactly one of regex, json_schema, json_schema_file, gbnf, gbnf_file");
  if (!options.regex.empty()) return grammar::regex_grammar(options.regex);
  if (!options.json_schema.empty()) return grammar::read_json_schema(options.json_schema);
  if (!options.json_schema_file.empty())
    return grammar::read_json_schema(trellis::text::read_text(options.json_schema_file));
  if (!options.gbnf.empty()) return grammar::read_gbnf(options.gbnf);
  return grammar::read_gbnf(trellis::text::read_text(options.gbnf_file));
}

grammar::Automaton compile(const Options& options) {
  auto whole = read(options);
  if (options.leading_space) {
    whole.rules.push_back(
        {"output", grammar::sequence_of({grammar::repeat_of(grammar::text_of(" "), 0, 1),
                                         grammar::rule_of(whole.root)})});
    whole.root = whole.rules.size() - 1;
  }
  return grammar::compile(whole);
}

class Constrained {
 public:
  static sdk::Json description() {
    return {{"id", "constrained"},
            {"kind", "logits_processor"},
            {"version", "1.0.0"},
            {"summary", "Allows only what a regular expression, JSON schema or grammar allows."},
            {"formula", "s'(v) = -inf if no text of the grammar begins with the output and v"},
            {"reference",
             "Willard and Louf 2023, arXiv:2307.09702; Geng et al. 2023, arXiv:2305.13971"},
            {"rank", 195},
            {"primary", "regex"},
            {"settings", schema.description()}};
  }

  explicit Constrained(const sdk::Json& settings) : automaton_(compile(schema.read(settings))) {}

  void bind(const trellis_vocabulary& vocabulary) {
    std::vector<std::string> tokens(vocabulary.vocab_size);
    for (std::size_t id = 0; id < tokens.size(); ++id)
      tokens[id] = sdk::token_bytes(vocabulary, static_cast<std::int32_t>(id));
    masks_.emplace(grammar::Matcher(automaton_), tokens);
  }

  void apply(const trellis_sequence& sequence, std::span<float> logits) const {
    // What is kept are answers to questions that came before: whoever asks gets the same ones.
    const std::lock_guard lock(mutex_);
    auto& masks = masks_.value();
    masks.tidy();
    grammar::StateId state = masks.matcher().start();
    for (std::size_t i = 0; i < sequence.token_count && state != grammar::kDead; ++i)
      state = masks.after(state, sequence.tokens[i]);
    const bool may_end = state != grammar::kDead && masks.matcher().accepts(state);
    std::vector<float> ends;
    for (const auto token : sdk::eos_of(sequence))
      ends.push_back(logits[static_cast<std::size_t>(token)]);
    keep(state == grammar::kDead ? grammar::TokenMask(logits.size() / 64 + 1) : masks.mask(state),
         logits);
    for (std::size_t i = 0; i < sequence.eos_count; ++i)
      logits[static_cast<std::size_t>(sequence.eos[i])] = may_end ? ends[i] : sdk::kForbidden;
  }

 private:
  static void keep(const grammar::TokenMask& mask, std::span<float> logits) {
    for (std::size_t begin = 0; begin < logits.size(); begin += 64) {
      const std::uint64_t allowed = begin / 64 < mask.size() ? mask[begin / 64] : 0;
      if (allowed == std::numeric_limits<std::uint64_t>::max()) continue;
      const std::size_t end = std::min(begin + 64, logits.size());
      for (std::size_t i = begin; i < end; ++i) {
        if ((allowed >> (i - begin) & 1U) == 0) logits[i] = sdk::kForbidden;
      }
    }
  }

  grammar::Automaton automaton_;
  mutable std::optional<grammar::TokenMasks> masks_;
  mutable std::mutex mutex_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::logits_processor_factory<Constrained>());
