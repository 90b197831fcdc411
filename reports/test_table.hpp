/// What `trellis compare --tests` prints.
#pragma once

#include <string>

#include "reports/comparison.hpp"

namespace trellis::reports {

/// Every arm against the baseline, a line each: difference with its interval, p-values, effect
/// size, pairs and how many would be needed. As plain text in columns.
std::string test_table(const Comparison& comparison);

}  // namespace trellis::reports
