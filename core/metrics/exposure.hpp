/// What a model loses by reading its own words instead of the reference's: exposure bias.
///
/// Bengio, Vinyals, Jaitly, Shazeer, "Scheduled Sampling" (2015); Ranzato, Chopra, Auli, Zaremba,
/// "Sequence Level Training" (2016). At place t of a reference y
///
///     forced accuracy  = [ argmax p(. | x, y_<t) = y_t ]   after the reference's own beginning
///     free accuracy    = [ o_t = y_t ]                     of the output o, after its own
///     gap              = mean over all places of forced - free
///
/// With greedy search both take the most probable token and differ by what it is read after alone;
/// other strategies add what they choose. A token is right at its own place only: after one word
/// too many nothing is, so the gap is an upper bound of the harm. Places that an output was not
/// allowed to reach, because its length is limited, are to be left out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/metrics/metric.hpp"

namespace trellis::metrics {

/// The first place, counted from 1, of each range that is kept apart; the last has no end.
inline constexpr std::array<std::size_t, 7> kExposureRanges = {1, 2, 3, 5, 9, 17, 33};
/// Of each range: places, those right when forced, those right when free.
inline constexpr std::size_t kExposureStatistics = 3 * kExposureRanges.size();

/// By place of the reference, 1 where right, else 0; as many of both. Undefined without any.
SampleValue exposure_gap(std::span<const std::uint8_t> forced, std::span<const std::uint8_t> free);
/// -1 to 1.
double exposure_gap_of_sums(std::span<const double> sums);

}  // namespace trellis::metrics
