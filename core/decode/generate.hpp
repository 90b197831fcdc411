/// The decode loop: prompts in, generations out, for one strategy on one model.
///
/// Many samples are under way at once; each round feeds the new tokens of all live hypotheses as
/// one ragged batch, shows every search its view, and carries out the moves by forking and freeing
/// states. No prefix is computed twice for one sample; samples of one example share the prompt's
/// state. The result of a sample does not depend on what else is in the batch, as far as the model
/// keeps its part of that.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/plugin/model.hpp"
#include "core/plugin/strategy.hpp"

namespace trellis::decode {

struct Prompt {
  std::uint64_t example = 0;  ///< index in its split; part of the noise's key
  std::string source;
  std::string prefix;
  std::vector<std::string> stop;
  std::size_t max_new_tokens = 0;  ///< at least 1
  /// Which samples to make, by number; empty: as many as the options say. None may be made that a
  /// strategy without chance would only repeat.
  std::vector<std::uint32_t> samples;
};

/// A strategy with its processors, which are applied by ascending rank.
struct Arm {
  plugin::Strategy strategy;
  std::vector<plugin::LogitsProcessor> processors;
};

struct GenerateOptions {
  std::uint64_t seed = 0;
  std::uint32_t samples = 1;         ///< per prompt; one if the strategy is not stochastic
  std::size_t max_batch = 32;        ///< samples under way at once
  std::size_t top_alternatives = 5;  ///< most probable tokens recorded at each position
};

struct Alternative {
  std::int32_t token = 0;
  double log_probability = 0;
};

/// One generated token, judged by the model's own distribution (before any processor).
struct TokenRecord {
  std::int32_t token = 0;
  double log_probability = 0;  ///< nats
  double entropy = 0;          ///< of the whole distribution, nats
  std::uint32_t rank = 1;      ///< 1: no token is more probable
  std::vector<Alternative> alternatives;
};

enum class Finish { eos, stop, length, strategy };
std::string_view to_string(Finish finish);

struct Generation {
  std::size_t prompt = 0;  ///< index into the prompts
  std::uint32_t sample = 0;
  std::string text;                 ///< without prefix, end symbol and stop string
  std::vector<TokenRecord> tokens;  ///< the end symbol included
  Finish finish = Finish::eos;
  double score = 0;    ///< the strategy's own
  double seconds = 0;  ///< from its prompt's first feed to its end, other samples' work included
};

struct GenerateTotals {
  std::uint64_t prompt_tokens = 0;     ///< fed to read prompts, encoder tokens included
  std::uint64_t delivered_tokens = 0;  ///< in the generations
  std::uint64_t computed_tokens = 0;   ///< fed after the prompts (beams compute more)
  double seconds = 0;
};

/// What may go wrong with one sample is reported with it; the others go on.
struct GenerateFailure {
  std::size_t prompt = 0;
  std::uint32_t sample = 0;
  std::string message;
};

struct GenerateEvents {
  std::function<void(Generation)> on_generation;
  std::function<void(GenerateFailure)> on_failure;
  std::function<void(std::uint64_t delivered_tokens)> on_progress;  ///< each round; may be empty
  std::function<bool()> cancelled;                                  ///< may be empty
};

/// A clock for tests: seconds since any fixed moment.
using Clock = std::function<double()>;

/// Generations arrive as they finish, in an order that depends only on the arguments. A prompt that
/// the model cannot read or that leaves no room in its context is a failure. Throws
/// Error(cancelled), or what the model throws while it computes: then the samples that had not
/// arrived are lost.
GenerateTotals generate(plugin::Model& model, const Arm& arm, std::span<const Prompt> prompts,
                        const GenerateOptions& options, const GenerateEvents& events,
                        const Clock& clock);

}  // namespace trellis::decode
