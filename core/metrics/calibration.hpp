/// Whether a model is as sure as it is right: the expected calibration error of its tokens.
///
/// Naeini, Cooper, Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning"
/// (2015); Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks" (2017). A guess
/// is the most probable token after a reference's beginning (teacher forcing), its confidence the
/// probability of that token; it is right where the reference goes on with it. Guesses are sorted
/// into bins of equal width by confidence, and
///
///     ECE = sum over bins b of n_b / n |right_b / n_b - mean confidence_b|
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/metrics/metric.hpp"

namespace trellis::metrics {

inline constexpr std::size_t kCalibrationBins = 15;  // Guo et al.'s
/// Of each bin: guesses, their confidences added up, those that are right.
inline constexpr std::size_t kCalibrationStatistics = 3 * kCalibrationBins;

/// `confidences`: in (0, 1]; `right`: 1 where the guess is, else 0; as many. Undefined without any.
SampleValue calibration_error(std::span<const double> confidences,
                              std::span<const std::uint8_t> right);
/// 0 to 1.
double calibration_error_of_sums(std::span<const double> sums);

}  // namespace trellis::metrics
