/// Metrics that are a ratio of two sums over samples: how well a model expects a text, how fast it
/// writes, and how often it agrees with what was drafted.
#pragma once

#include <cstddef>
#include <span>

#include "core/metrics/metric.hpp"

namespace trellis::metrics {

/// exp(negative log-likelihood / tokens); `nll` in nats, summed over the scored tokens. Undefined
/// without tokens. Comparable only between models of the same vocabulary.
SampleValue perplexity(double nll, std::size_t tokens);

/// Bits of information a UTF-8 byte of the scored text: comparable whatever the vocabulary.
/// Undefined without bytes.
SampleValue bits_per_byte(double nll, std::size_t bytes);

/// Undefined when no time has passed.
SampleValue tokens_per_second(std::size_t tokens, double seconds);

/// Share of the tokens proposed that were kept. Undefined without any.
SampleValue draft_acceptance(std::size_t accepted, std::size_t proposed);

/// The same from sums of [nll, tokens] and [nll, bytes].
double perplexity_of_sums(std::span<const double> sums);
double bits_per_byte_of_sums(std::span<const double> sums);
/// The first sum over the second: of [tokens, seconds], [accepted, proposed] and their like.
double ratio_of_sums(std::span<const double> sums);

}  // namespace trellis::metrics
