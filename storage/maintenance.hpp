/// What `trellis db merge|check|export` do.
#pragma once

#include <cstdint>
#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "storage/queries.hpp"

namespace trellis::storage {

struct MergeReport {
  std::uint64_t experiments = 0;  ///< added, like the others
  std::uint64_t models = 0;
  std::uint64_t tasks = 0;
  std::uint64_t trials = 0;
  std::uint64_t samples = 0;
  std::uint64_t failures = 0;
  std::uint64_t annotations = 0;  ///< ratings, preferences and tags
  /// One line for each thing that both have but differently; `into` keeps its own.
  std::vector<std::string> conflicts;
};

/// Adds to `into` (made when missing) what `from` has and it has not. Things are the same when
/// their ids are, so merging again adds nothing. All of one file or nothing of it; takes the
/// writer's lock of `into`, only reads `from`.
MergeReport merge(const std::vector<std::filesystem::path>& from,
                  const std::filesystem::path& into);

/// Everything that is not as it should be, a line each; empty when all is well. Looks at SQLite's
/// own structure, foreign keys, JSON columns, counts of samples and tokens against what the trials
/// say, and trial metrics against those recomputed from the samples.
std::vector<std::string> check(const std::filesystem::path& path);

enum class ExportFormat { jsonl, csv };

struct ExportOptions {
  std::string experiment;  ///< empty: the one that ran last
  ExportFormat format = ExportFormat::jsonl;
  bool tokens = false;  ///< with every token (JSONL only)
};

/// Writes every sample of an experiment with its metrics, in the order of trials, examples and
/// sample indices. Returns how many. Throws Error(environment) when `out` takes no more.
std::uint64_t export_samples(Reader& reader, const ExportOptions& options, std::ostream& out);

}  // namespace trellis::storage
