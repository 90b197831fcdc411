/// Safetensors files: a little-endian 64-bit header size, a JSON header, then the raw tensors.
/// Source: the format's README (Hugging Face, 2022). Debian has no library for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace trellis::nn {

/// A tensor of float32 to be written, borrowed for the call.
struct TensorToWrite {
  std::string name;
  std::vector<std::int64_t> shape;
  std::span<const float> values;  ///< row-major; as many as the shape says
};

/// A tensor of a file that was read; `bytes` points into the file's own memory.
struct StoredTensor {
  std::string name;
  std::string type;  ///< "F32", "F16", "BF16", "I64" ...
  std::vector<std::int64_t> shape;
  std::string_view bytes;  ///< little-endian, row-major, not aligned
};

struct SafetensorsFile {
  std::map<std::string, std::string> metadata;
  std::map<std::string, StoredTensor, std::less<>> tensors;
  std::string hash;  ///< XXH3 (64 bit, hexadecimal) of all tensor bytes
  std::vector<char> contents;
};

/// Throws Error(missing) when the file cannot be opened, and Error(bad_data) with one line for
/// anything that is not a whole safetensors file: truncated, garbage, or with wrong sizes.
SafetensorsFile read_safetensors(const std::filesystem::path& path);

/// Copies a tensor's values as float32. Accepts F32, F16, BF16 and F64; throws Error(bad_data) for
/// other types. `out` must have as many elements as the shape says.
void copy_values(const StoredTensor& tensor, std::span<float> out);

/// Writes float32 tensors and returns the hash that reading would give. The file appears whole or
/// not at all (see write_atomically). Throws Error(environment) when the disk refuses.
std::string write_safetensors(const std::filesystem::path& path,
                              std::span<const TensorToWrite> tensors,
                              const std::map<std::string, std::string>& metadata);

/// Writes `pieces` one after another to a temporary file beside `path`, syncs it to the disk and
/// renames it: after a crash at any moment `path` holds the old contents or the new, never a mix.
void write_atomically(const std::filesystem::path& path, std::span<const std::string_view> pieces);

}  // namespace trellis::nn
