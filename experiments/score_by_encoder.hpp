/// BERTScore of stored outputs, by the vectors of a loaded model.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "core/plugin/model.hpp"
#include "storage/queries.hpp"
#include "storage/store.hpp"

namespace trellis::experiments {

/// The metric that an encoder at a path gives: "bertscore." and the name of its folder or file.
std::string bert_score_name(const std::filesystem::path& encoder);

/// Computes the metric `name` (core/metrics/bert_score.hpp) of all samples of an experiment that
/// have references, white space around the texts aside, and stores it beside what is there: for
/// each sample, and for each trial with its interval. Returns how many samples there were. Throws
/// what decode::embed throws; what is stored by then stays.
std::uint64_t score_by_encoder(storage::Reader& reader, storage::Store& store,
                               std::int64_t experiment, plugin::Model& encoder,
                               const std::string& name, const std::function<bool()>& cancelled);

}  // namespace trellis::experiments
