/// One experiment as one HTML file: no script, no outside resource, readable on a phone and by a
/// screen reader.
#pragma once

#include <filesystem>
#include <string>

#include "reports/comparison.hpp"

namespace trellis::reports {

struct HtmlOptions {
  CompareOptions compare;          ///< its experiment is replaced by the one asked for
  std::size_t examples = 6;        ///< shown side by side, for each task
  std::size_t token_examples = 2;  ///< of these, with the probability of every token
  std::size_t text_limit = 1200;   ///< characters of one text shown
};

std::string html_report(storage::Reader& reader, const std::string& experiment,
                        const HtmlOptions& options = {});

/// Writes beside the file and renames, so that `path` is never half a report. Throws
/// Error(environment) when it cannot.
void write_html_report(storage::Reader& reader, const std::string& experiment,
                       const std::filesystem::path& path, const HtmlOptions& options = {});

}  // namespace trellis::reports
