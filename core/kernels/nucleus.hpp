/// The tokens of a distribution that together hold a share of the mass: the most probable ones (its
/// nucleus, Holtzman et al. 2020), or those whose surprise is nearest to the expected one (locally
/// typical sampling, Meister et al. 2023).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace trellis::kernels {

/// Memory that a caller keeps from one call to the next, so that none is allocated.
struct NucleusScratch {
  std::vector<double> values;
  std::vector<double> weights;
};

/// Makes -infinity of all logits but those of the nucleus: in descending order, of equals the lower
/// index first, a token stays while the mass before it is below `mass`, which lies in (0, 1]; and
/// the first `at_least` stay in any case. With a mass of 1 only tokens without any probability go.
/// Logits that are no distribution (NaN, +infinity, all -infinity) are left as they are.
///
/// The answer is that of keep_nucleus_by_sorting, which is found without sorting: only where the
/// mass at the border is so near to `mass` that rounding would decide, is the whole sorted.
void keep_nucleus(std::span<float> logits, double mass, std::size_t at_least,
                  NucleusScratch& scratch);

/// The definition: sorts all logits and adds up their probabilities in that order, in doubles.
void keep_nucleus_by_sorting(std::span<float> logits, double mass, std::size_t at_least);

/// Makes -infinity of all logits but the typical ones: in the order of |-log p - entropy|, a token
/// stays while the mass before it is below `mass`, which lies in (0, 1], and so do all that are as
/// far from the entropy as the last of them; and the first `at_least`, of equals the lower index
/// first, stay in any case. Logits that are no distribution are left as they are.
void keep_typical(std::span<float> logits, double mass, std::size_t at_least,
                  NucleusScratch& scratch);

/// The definition, as above.
void keep_typical_by_sorting(std::span<float> logits, double mass, std::size_t at_least);

}  // namespace trellis::kernels
