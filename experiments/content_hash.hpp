/// Hashes of content, by which trials, models and data are known in every database.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace trellis::experiments {

/// 32 hexadecimal digits of XXH3-128. For identity, not against malice.
std::string content_hash(std::string_view content);
/// Of the JSON with sorted keys.
std::string content_hash(const nlohmann::json& json);
/// Of a file's bytes, or of all files below a folder with their relative names. Throws
/// Error(missing) when it cannot be read.
std::string content_hash_of_path(const std::filesystem::path& path);

}  // namespace trellis::experiments
