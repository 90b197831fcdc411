/// Safetensors files: a little-endian 64-bit header size, a JSON header, then the raw tensors.
/// Source: the format's README (Hugging Face, 2022). Debian has no library for it.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/formats/mapped_file.hpp"
#include "core/formats/stored_tensor.hpp"

namespace trellis::formats {

/// A tensor of float32 to be written, borrowed for the call.
struct TensorToWrite {
  std::string name;
  std::vector<std::int64_t> shape;
  std::span<const float> values;  ///< row-major; as many as the shape says
};

struct SafetensorsFile {
  std::map<std::string, std::string> metadata;
  TensorMap tensors;                ///< their bytes point into `file`
  std::span<const std::byte> data;  ///< of all tensors
  std::shared_ptr<const MappedFile> file;
};

/// Throws Error(missing) when the file cannot be opened, and Error(bad_data) with one line for
/// anything that is not a whole safetensors file: truncated, garbage, with wrong sizes, or with
/// tensors that overlap or leave bytes between them.
SafetensorsFile read_safetensors(const std::filesystem::path& path);

/// XXH3 (64 bit, hexadecimal) of all tensor bytes, in the order of the file.
std::string tensor_hash(const SafetensorsFile& file);

/// Writes float32 tensors and returns the hash that the file will have. It appears whole or not at
/// all (see write_atomically). Throws Error(environment) when the disk refuses.
std::string write_safetensors(const std::filesystem::path& path,
                              std::span<const TensorToWrite> tensors,
                              const std::map<std::string, std::string>& metadata);

/// Writes `pieces` one after another to a temporary file beside `path`, syncs it to the disk and
/// renames it: after a crash at any moment `path` holds the old contents or the new, never a mix.
void write_atomically(const std::filesystem::path& path, std::span<const std::string_view> pieces);

}  // namespace trellis::formats
