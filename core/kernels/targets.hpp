/// Which vector instructions the kernels use: the best that the machine has, unless told otherwise.
///
/// Names, best first: "avx512", "avx2", "sse4", "neon", "scalar" (plain C++). The choice holds for
/// the whole process, plugins included. It may be changed while no kernel runs.
#pragma once

#include <string_view>
#include <vector>

namespace trellis::kernels {

/// What this machine can run, the best first; "scalar" is always last.
std::vector<std::string_view> vector_targets();

/// What is in use.
std::string_view vector_target();

/// Uses the named target from now on; an empty name means the best. Throws Error (usage) if it is
/// not one of vector_targets().
void use_vector_target(std::string_view name);

/// True if the target in use rounds a * b + c once. Results are the same bits in all targets of
/// which this is true ("scalar" among them, at a fraction of the speed). It is false of "sse4",
/// which is used on machines older than 2013: there results are the same at any batch size and
/// number of threads, but may differ from those of other machines.
bool fused_multiply_add();

}  // namespace trellis::kernels
