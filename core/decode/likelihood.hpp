/// How probable a model finds given texts: teacher forcing, for perplexity and bits per byte.
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

struct Likelihood {
  double negative_log_likelihood = 0;  ///< nats, over all scored tokens
  std::uint64_t tokens = 0;            ///< scored: those of the target, and the end symbol
  std::uint64_t bytes = 0;             ///< of the target's UTF-8
  bool complete = true;                ///< false: the target was cut at the model's context
};

/// One answer a request, in order. Each is fed as one sequence, `max_batch` at a time, in pieces of
/// `feed_tokens` together: so many rows of logits are in memory at once. Throws Error(cancelled),
/// what the model throws, or Error(plugin) for logits that are no distribution.
std::vector<Likelihood> likelihoods(plugin::Model& model,
                                    std::span<const LikelihoodRequest> requests,
                                    std::size_t max_batch, const std::function<bool()>& cancelled,
                                    std::size_t feed_tokens = 512);

}  // namespace trellis::decode
