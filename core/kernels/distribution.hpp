/// What logits say as a distribution: log-sum-exp, log-softmax, entropy, ranks.
///
/// Every sum is taken in doubles and in one fixed order (eight interleaved lanes, then a fixed
/// tree) so that the answer depends on the numbers alone. A logit of -infinity has probability
/// zero. NaN or +infinity anywhere makes the sums NaN; all -infinity makes log-sum-exp -infinity.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace trellis::kernels {

struct Distribution {
  double log_sum_exp = 0;  ///< log-probability of a token: its logit minus this
  double entropy = 0;      ///< nats
};

/// logits: [vocab], at least one.
Distribution describe_distribution(std::span<const float> logits);

/// The first half of describe_distribution, for those who need no entropy.
double log_sum_exp(std::span<const float> logits);

/// out[i] = logits[i] - log_sum_exp. `out` may be `logits`. Sizes must be equal.
void log_softmax(std::span<const float> logits, std::span<float> out);

/// out[i] = probability of i, not rounded to float. Sizes must be equal. Returns log_sum_exp.
double softmax(std::span<const float> logits, std::span<double> out);

/// False when a value is NaN or +infinity, or when none is above -infinity: then nothing can be
/// chosen.
bool has_choice(std::span<const float> logits);

}  // namespace trellis::kernels
