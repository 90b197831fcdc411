/// How probable a model finds given texts: teacher forcing, for perplexity and bits per byte. Of a
/// model that predicts masked places the pseudo-log-likelihood (Salazar et al. 2020): each token by
/// what is expected at its place when it alone is masked.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/plugin/model.hpp"

namespace trellis::decode {

struct LikelihoodRequest {
  std::string source;
  std::string prefix;
  std::string target;  ///< scored after the prefix, followed by the end symbol
  bool ends = true;    ///< false: the text goes on, so no end symbol is scored
};

/// What the model guessed at one place of a target: its most probable token.
struct Guess {
  std::int32_t target = 0;  ///< the token that stands there
  double confidence = 0;    ///< probability of the guess
  bool right = false;       ///< the guess is the target
};

struct Likelihood {
  double negative_log_likelihood = 0;  ///< nats, over all scored tokens
  std::uint64_t tokens = 0;            ///< scored: those of the target, and the end symbol
  std::uint64_t bytes = 0;             ///< of the target's UTF-8
  bool complete = true;                ///< false: the target was cut at the model's context
  bool pseudo = false;                 ///< of masked places, which is no text's probability
  std::vector<Guess> guesses = {};     ///< one a scored token; none of masked places
};

/// One answer a request, in order. Each is fed as one sequence, `max_batch` at a time, in pieces of
/// `feed_tokens` together: so many rows of logits are in memory at once. Throws Error(cancelled),
/// what the model throws, or Error(plugin) for logits that are no distribution.
std::vector<Likelihood> likelihoods(plugin::Model& model,
                                    std::span<const LikelihoodRequest> requests,
                                    std::size_t max_batch, const std::function<bool()>& cancelled,
                                    std::size_t feed_tokens = 512);

/// What a model that predicts masked places expects of each token of a block in a text's gap when
/// that one is masked: `judge` gets the number of a place and its logits // [vocab_size], which are
/// borrowed for the call. All that is passed must fit the model's context.
void judge_masked(plugin::Model& model, const plugin::PromptTokens& prompt,
                  std::span<const std::int32_t> block, std::size_t max_batch,
                  const std::function<bool()>& cancelled,
                  const std::function<void(std::size_t, std::span<const float>)>& judge);

}  // namespace trellis::decode
