/// The comparison as aligned text.
#pragma once

#include <string>

#include "reports/writers.hpp"

namespace trellis::reports {

std::string terminal_text(const Comparison& comparison, const TerminalOptions& options);

}  // namespace trellis::reports
