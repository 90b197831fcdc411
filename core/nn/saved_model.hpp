/// The folder of a model that was trained here.
///
/// It holds model.json (format, model, settings, vocabulary, name and hash of the weights' file)
/// and weights-<hash>.safetensors. model.json is replaced last, so a folder always holds a whole
/// model. Of a model that was tuned by LoRA the weights are the changes alone, and model.json names
/// the model that they change.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>

#include "core/formats/safetensors.hpp"

namespace trellis::nn {

/// The file in which training keeps where it stands, in the same folder.
inline constexpr const char* kCheckpointFile = "training.safetensors";

/// The model that changes are for.
struct TuningBase {
  std::filesystem::path path;
  std::string weights_hash;
};

struct SavedModel {
  std::filesystem::path folder;
  std::string model = {};         ///< id of its plugin
  nlohmann::json settings = {};   ///< all of the plugin, but of a published model's architecture
  nlohmann::json published = {};  ///< config of the published model it began at, or null
  nlohmann::json tokenizer = {};  ///< null: the base's
  std::optional<TuningBase> base = {};   ///< of changes
  std::uint64_t trained_parameters = 0;  ///< numbers that training changed; 0: not known
  std::filesystem::path weights = {};    ///< the file
  std::string weights_hash = {};         ///< of the file
};

/// Throws Error(missing) or Error(bad_data), also when it is a model of another plugin than `id`.
SavedModel read_saved_model(const std::string& id, const std::filesystem::path& folder);

/// The file of its weights. Throws Error(bad_data) when it is not the one that was written.
formats::SafetensorsFile read_saved_weights(const SavedModel& saved);

/// Writes the folder; `weights` and `weights_hash` are filled in. Throws Error(environment).
void write_saved_model(SavedModel& saved, std::span<const formats::TensorToWrite> tensors);

/// Where the base lies: where it was, or beside the folder, as when both were moved. Throws
/// Error(missing).
std::filesystem::path find_base(const SavedModel& saved);

/// One hash for changes and the weights that they change.
std::string combined_hash(const std::string& base, const std::string& changes);

}  // namespace trellis::nn
