/// The decode loop: prompts in, generations out, for any number of arms on one model.
///
/// An arm is a strategy with its settings. All samples of one prompt, of whatever arm, grow one
/// tree of tokens: each round computes every prefix that some hypothesis has newly reached once, in
/// one ragged batch, shows every search its view, and carries out the moves. A prompt is read once
/// for all arms, and an arm costs only what it does not share. The result of a sample depends
/// neither on what else is in the tree or in the batch nor on the limits, as far as the model keeps
/// its part of that.
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
  std::uint32_t turn = 0;          ///< of a conversation; part of the noise's key
};

/// A strategy with its processors, which are applied by ascending rank and have been bound to the
/// model.
struct Arm {
  plugin::Strategy strategy;
  std::vector<plugin::LogitsProcessor> processors;
  /// Lent to a strategy that needs one; of the model's own vocabulary (draft.hpp). Borrowed.
  plugin::Model* draft = nullptr;
};

/// One sample to make: an arm on a prompt, and which noise it draws.
struct SampleRequest {
  std::size_t prompt = 0;    ///< index into the prompts
  std::size_t arm = 0;       ///< index into the arms
  std::uint32_t sample = 0;  ///< number among the samples of this arm on this prompt
  std::uint64_t seed = 0;
  /// Samples of equal seed, example, turn, number and stream see the same noise (common random
  /// numbers); a stream of its own makes an arm independent of the others.
  std::uint64_t stream = 0;
};

struct GenerateOptions {
  std::size_t max_batch = 32;  ///< samples under way at once, and states in one feed
  /// Tokens in one feed. Long prompts are read in pieces that fit beside what others need, so that
  /// these need not wait for them. At least 1.
  std::size_t feed_tokens = 512;
  /// Memory for states, in bytes; 0: no limit. A sample waits until its worst case fits beside
  /// those that are under way; when none is, it is begun in any case. Has an effect only where the
  /// model says what its states cost.
  std::uint64_t state_memory = 0;
  std::size_t top_alternatives = 5;  ///< most probable tokens recorded at each position
  bool share = true;                 ///< false: every sample grows a tree of its own
  std::size_t threads = 1;           ///< that judge rows; the model has threads of its own
  std::size_t runners_up = 0;        ///< other finished sequences of a search that are kept
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

/// A finished sequence that another one of the same search has beaten.
struct RunnerUp {
  std::vector<std::int32_t> tokens;  ///< the end symbol included
  double score = 0;                  ///< the strategy's own
};

enum class Finish { eos, stop, length, strategy };
std::string_view to_string(Finish finish);

struct Generation {
  std::size_t request = 0;          ///< index into the requests
  std::string text;                 ///< without prefix, end symbol and stop string
  std::vector<TokenRecord> tokens;  ///< the end symbol included
  Finish finish = Finish::eos;
  double score = 0;                  ///< the strategy's own
  std::vector<RunnerUp> runners_up;  ///< the best first, as many as were asked for
  double seconds = 0;  ///< from its prompt's first feed to its end, other samples' work included
  /// Tokens that the model read before they were certain, and how many of them were kept.
  std::uint64_t proposed_tokens = 0;
  std::uint64_t accepted_tokens = 0;
};

/// What an arm had of the work: what several samples wanted is shared out among them evenly.
struct ArmTotals {
  double prompt_tokens = 0;            ///< fed to read prompts, encoder tokens included
  double computed_tokens = 0;          ///< fed after the prompts (beams compute more); no draft's
  std::uint64_t delivered_tokens = 0;  ///< in the generations
  double seconds = 0;
};

struct GenerateTotals {
  std::vector<ArmTotals> arms;
  std::uint64_t prompt_tokens = 0;
  std::uint64_t computed_tokens = 0;
  std::uint64_t delivered_tokens = 0;
  std::uint64_t prompt_tokens_saved = 0;    ///< that samples would have read for themselves
  std::uint64_t computed_tokens_saved = 0;  ///< after the prompts
  std::size_t peak_states = 0;              ///< most states alive at one time
  /// Most memory of states at one time, by the model's figures; nothing where it gives none.
  std::optional<std::uint64_t> peak_state_bytes;
  double seconds = 0;
};

/// A hypothesis that a search goes on with or has finished.
struct SearchHypothesis {
  std::span<const std::int32_t> tokens;  ///< all since the prompt
  double log_probability = 0;            ///< the model's, of its last token; nats
  double score = 0;                      ///< the strategy's own
  bool finished = false;
};

/// What may go wrong with one sample is reported with it; the others go on.
struct GenerateFailure {
  std::size_t request = 0;
  std::string message;
};

struct GenerateEvents {
  std::function<void(Generation)> on_generation;
  std::function<void(GenerateFailure)> on_failure;
  /// Before an arm's plugins are called, and with nothing before the model is; may be empty.
  std::function<void(std::optional<std::size_t> arm)> on_arm;
  std::function<void(std::uint64_t delivered_tokens)> on_progress;  ///< each round; may be empty
  /// Each round, for each sample under way, the certain tokens of its first hypothesis, for showing
  /// text as it grows; with one hypothesis they only become more. May be empty.
  std::function<void(std::size_t request, std::span<const std::int32_t> tokens)> on_tokens;
  /// After each answer of a sample's search, the last one included: what goes on, then all that was
  /// finished so far, as far as the last token was judged. What goes on and is no beginning of
  /// anything later was dropped. May be empty.
  std::function<void(std::size_t request, std::span<const SearchHypothesis> hypotheses)>
      on_hypotheses;
  std::function<bool()> cancelled;  ///< may be empty
};

/// A clock for tests: seconds since any fixed moment.
using Clock = std::function<double()>;

/// Every sample of every arm on every prompt, prompt by prompt, so that arms share; an arm
/// without chance in strategy or processors makes one.
std::vector<SampleRequest> every_sample(std::span<const Arm> arms, std::size_t prompts,
                                        std::uint32_t samples, std::uint64_t seed);

/// Requests are begun in their order; those of one prompt share most when they stand together.
/// Generations arrive as they finish, in an order that depends only on the arguments. A prompt that
/// the model cannot read or that leaves no room in its context is a failure of its requests. Throws
/// Error(cancelled), or what the model throws while it computes: then the samples that had not
/// arrived are lost. Throws Error(usage) where an arm needs a draft and has none.
GenerateTotals generate(plugin::Model& model, std::span<const Arm> arms,
                        std::span<const Prompt> prompts, std::span<const SampleRequest> requests,
                        const GenerateOptions& options, const GenerateEvents& events,
                        const Clock& clock);

}  // namespace trellis::decode
