/// What libraries for Python take for the same work, where they are installed.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace trellis::bench {

/// Seconds that a script of this folder prints, run by the Python that TRELLIS_BENCH_PYTHON names
/// (python3 by default), or nothing where it fails: what it needs is not installed.
std::optional<double> python_seconds(const std::string& script,
                                     const std::vector<std::string>& arguments);

}  // namespace trellis::bench
