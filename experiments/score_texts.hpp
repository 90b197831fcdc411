/// Scoring stored outputs by metrics that need nothing but their texts: no task, no model.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/queries.hpp"

namespace trellis::experiments {

/// Throws Error(usage) for a name that core/metrics does not know, or cannot compute from texts,
/// and Error(missing) where what a metric needs is not installed.
void require_text_metrics(const std::vector<std::string>& names);

/// Computes the named metrics of all samples of the trials of an experiment, on so many threads,
/// and stores them beside those that are there: for each sample, and for each trial with its
/// interval. Metrics of all outputs together (self_bleu, zipf ...) are stored for the trial only.
/// Returns how many samples there were.
std::uint64_t score_texts(storage::Reader& reader, storage::Store& store, std::int64_t experiment,
                          const std::vector<std::string>& names, std::size_t threads);

}  // namespace trellis::experiments
