/// How evenly the experts of a layer are used, in models that are mixtures of experts.
///
/// Of each layer, every token gives its experts weights that sum to one (Shazeer et al. 2017; in
/// FastMoE, He et al. 2021, those of the chosen few after the gate's softmax). With p_e the share
/// that expert e has of all tokens' weights and n experts,
///
///     use = exp(- sum_e p_e ln p_e) / n
///
/// the number of experts that would be as much use if used evenly (the perplexity of p), as a share
/// of those there are: 1 where all are used alike, 1 / n where one does everything.
#pragma once

#include <span>
#include <string_view>

#include "core/metrics/metric.hpp"

namespace trellis::metrics {

/// The metric of layer i, counted from 1, is called "experts.i".
inline constexpr std::string_view kExpertsPrefix = "experts.";

/// Of one sample: the sum of its tokens' weights for each expert, which are kept as statistics.
/// Undefined where all are 0.
SampleValue expert_use(std::span<const double> weights);
double expert_use_of_sums(std::span<const double> sums);

}  // namespace trellis::metrics
