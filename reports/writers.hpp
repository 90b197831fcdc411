/// A comparison as text.
#pragma once

#include <ostream>
#include <string>

#include "reports/comparison.hpp"

namespace trellis::reports {

enum class Format { terminal, markdown, csv, json };

/// Throws Error(usage) for another name than terminal, markdown, csv, json.
Format format_from(const std::string& name);

struct TerminalOptions {
  bool colour = false;
  std::size_t width = 0;  ///< columns; wider tables continue below. 0: no limit
};

/// What the terminal behind `descriptor` can do: neither colour nor width where it is none, or
/// where the environment has NO_COLOR (no colour).
TerminalOptions terminal_options(int descriptor);

/// Throws Error(environment) when `out` takes no more.
void write_comparison(const Comparison& comparison, Format format, const TerminalOptions& options,
                      std::ostream& out);

}  // namespace trellis::reports
