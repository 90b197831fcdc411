/// A published model as it lies on the disk, whatever its form: a Hugging Face folder (config.json
/// and model.safetensors, or the shards of model.safetensors.index.json) or a GGUF file, which is
/// given out as the folder that it was made from (gguf.hpp).
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/formats/config_reader.hpp"
#include "core/formats/mapped_file.hpp"
#include "core/formats/stored_tensor.hpp"

namespace trellis::formats {

/// Immutable once opened. The tensors point into its mapped files.
struct Checkpoint {
  std::filesystem::path path;         ///< the folder or file
  std::filesystem::path config_path;  ///< what messages name for a setting
  nlohmann::json config;              ///< of config.json; with the keys of generation_config.json
                                      ///< as "generation"
  nlohmann::json tokenizer;           ///< of a GGUF file, as tokenizer.json; else null
  TensorMap tensors;
  std::vector<std::shared_ptr<const MappedFile>> files;

  ConfigReader reader() const { return {config, config_path}; }
};

/// Whether a path looks like a published model: a folder with a config.json, or a file.
bool is_checkpoint(const std::filesystem::path& path);

/// The architecture ("llama", "gpt2" ...), without a look at the weights. Throws as open_checkpoint
/// does.
std::string checkpoint_type(const std::filesystem::path& path);

/// Throws Error(missing) when a file is missing and Error(bad_data) when one is damaged.
Checkpoint open_checkpoint(const std::filesystem::path& path);

/// XXH3 (64 bit, hexadecimal) of all tensors' bytes, in the order of their names.
std::string tensor_hash(const Checkpoint& checkpoint);

/// Gives the pages of a tensor that has been copied back to the system.
void release(const Checkpoint& checkpoint, const StoredTensor& tensor);

}  // namespace trellis::formats
