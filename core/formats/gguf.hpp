/// GGUF files: metadata, then descriptions of tensors, then their bytes.
/// Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "core/formats/checkpoint.hpp"

namespace trellis::formats {

struct GgufFile {
  std::map<std::string, nlohmann::json, std::less<>> metadata;
  TensorMap tensors;  ///< by the names of the file; shapes row-major, so the reverse of the file's
  std::shared_ptr<const MappedFile> file;
};

/// Throws Error(missing) when the file cannot be opened and Error(bad_data) with one line for what
/// is not a whole GGUF file, and for types of tensors that are not known, with those that are.
GgufFile read_gguf(const std::filesystem::path& path);

struct GgufKind {
  std::string architecture;   ///< "general.architecture"
  std::uint32_t experts = 0;  ///< of each layer's mixture; 0: it has none
};
/// By the metadata alone, most of which is skipped. Throws as read_gguf does.
GgufKind gguf_kind(const std::filesystem::path& path);

/// The file as a Hugging Face folder would have it: names of tensors, keys of config.json and the
/// tokenizer ("tokenizer.json" as JSON, in Checkpoint::tokenizer). Architectures: llama (with a
/// mixture of experts: mixtral), qwen2, gemma3. Throws Error(bad_data) for others.
Checkpoint open_gguf(const std::filesystem::path& path);
/// What such a folder has for "model_type".
std::string gguf_type(const std::filesystem::path& path);

}  // namespace trellis::formats
