/// From who was preferred to whom, to one strength for each.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace trellis::metrics {

/// In natural logarithms of odds: i is preferred to j with probability
/// 1 / (1 + exp(strength_j - strength_i)).
struct Strength {
  double value = 0;           ///< the mean over all is 0
  double standard_error = 0;  ///< of `value`, from the curvature of the likelihood
};

/// The model of Bradley & Terry ("Rank analysis of incomplete block designs", 1952) at its greatest
/// likelihood, judgements taken as independent. `wins[i * count + j]`: how often i was preferred to
/// j; a tie is half a win for both. Nothing where there is no greatest likelihood: where some,
/// taken together, were never preferred to one of the others (Ford 1957), or count < 2.
std::optional<std::vector<Strength>> bradley_terry(std::size_t count, std::span<const double> wins);

}  // namespace trellis::metrics
