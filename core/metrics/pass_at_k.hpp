/// pass@k: how likely one of k programs passes (Chen et al. 2021).
#pragma once

#include <cstddef>

namespace trellis::metrics {

/// The unbiased estimate 1 - C(n - c, k) / C(n, k) from `samples` programs of which `passed` pass:
/// the chance that k of them, drawn without putting back, hold one that passes. 1 where fewer than
/// k fail. `k` is 1 to `samples`, `passed` at most `samples`.
double pass_at_k(std::size_t samples, std::size_t passed, std::size_t k);

}  // namespace trellis::metrics
