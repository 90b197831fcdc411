/// What the vectors of a loaded model say of stored outputs: BERTScore of each, MAUVE of all
/// together.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "core/plugin/model.hpp"
#include "storage/queries.hpp"
#include "storage/store.hpp"

namespace trellis::experiments {

/// The metric that an encoder at a path gives: a prefix of core/metrics (kBertScorePrefix,
/// kMauvePrefix) and the name of its folder or file.
std::string encoder_metric_name(std::string_view prefix, const std::filesystem::path& encoder);

/// Computes the metric `name` of all samples of an experiment that have references, white space
/// around the texts aside, and stores it beside what is there. Returns how many samples there were.
/// Both throw what decode::embed throws; what is stored by then stays.

/// core/metrics/bert_score.hpp: for each sample, and for each trial with its interval.
std::uint64_t score_bert(storage::Reader& reader, storage::Store& store, std::int64_t experiment,
                         plugin::Model& encoder, const std::string& name,
                         const std::function<bool()>& cancelled);

/// core/metrics/mauve.hpp: for each trial, of its outputs against the first reference of each of
/// its examples. A text's vector is the last one of its tokens where the encoder reads from left to
/// right, as that alone has seen all of it, and else the mean of them; nothing but zeros without a
/// token.
std::uint64_t score_mauve(storage::Reader& reader, storage::Store& store, std::int64_t experiment,
                          plugin::Model& encoder, const std::string& name,
                          const std::function<bool()>& cancelled);

}  // namespace trellis::experiments
