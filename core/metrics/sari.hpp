/// SARI (Xu, Napoles, Pavlick, Chen, Callison-Burch 2016): whether a simplification adds, keeps and
/// deletes what people do. The corpus form of EASSE (Alva-Manchego, Martin, Scarton, Specia 2019),
/// with which ASSET's figures were made: lower case, tokenizer 13a, F-measures of the sums.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/metrics/metric.hpp"

namespace trellis::metrics {

/// For addition, keeping and deletion, for n-grams of order 1 to 4: [right, of the output, of the
/// references]: 36 numbers that add up over samples. What is added counts once; what is kept or
/// deleted counts as often as references agree.
std::vector<double> sari_statistics(std::string_view source, std::string_view output,
                                    std::span<const std::string> references);

/// From summed statistics, 0 to 100: precision and recall are averaged over the orders, and the
/// F-measures of the three operations are averaged.
double sari_of_sums(std::span<const double> sums);

/// One sample of the metric "sari". Undefined without a reference.
SampleValue sari(std::string_view source, std::string_view output,
                 std::span<const std::string> references);

}  // namespace trellis::metrics
