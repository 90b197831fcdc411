/// MAUVE: how near the distribution of generated texts is to that of a person's.
///
/// Pillutla, Swayamdipta, Zellers, Thickstun, Welleck, Choi, Harchaoui, "MAUVE: Measuring the Gap
/// Between Neural Text and Human Text using Divergence Frontiers" (NeurIPS 2021). Every text is a
/// vector that some model makes of it. The vectors of both sides are scaled to length 1, reduced to
/// the principal components that hold 90 % of their variance, and put into k clusters together
/// (k-means); how often each side is in each cluster makes two histograms, P of the outputs and Q
/// of the references. Of their mixtures R = w P + (1 - w) Q,
///
///     the points (exp(-c KL(Q | R)), exp(-c KL(P | R))), 0 < w < 1, c = 5
///
/// make a curve from (0, 1), where R is P, to (1, 0), and MAUVE is the area below it, by
/// trapezoids: 1 where both histograms are the same, near 0 where no cluster has texts of both. As
/// in the authors' package mauve-text, w takes 25 values, k is a tenth of the smaller side, and of
/// five clusterings from different starts the tightest counts. Values depend on the vectors' model,
/// on k and so on the number of texts; they compare only where these are the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace trellis::metrics {

/// The metric is named by its encoder: "mauve.NAME".
inline constexpr std::string_view kMauvePrefix = "mauve.";

/// Vectors // [texts, width]; width >= 1. Nothing where either side has fewer than two texts. The
/// same vectors give the same bits. Takes time by texts x k x components: seconds for thousands.
std::optional<double> mauve(std::span<const float> outputs, std::span<const float> references,
                            std::size_t width, std::uint64_t seed = 1);

/// The area of two histograms; both sum to one and have as many bins.
double mauve_of_histograms(std::span<const double> outputs, std::span<const double> references);

}  // namespace trellis::metrics
