/// Reading data files: plain or gzip-compressed (.gz), one line at a time.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace trellis::text {

/// Longer lines are refused: a data file whose line feeds were lost would otherwise become one
/// example that no model can hold.
inline constexpr std::size_t kLongestLine = 1 << 20;

/// Calls `visit(line_number, line)` for each line, counted from 1, without its "\n" (or "\r\n").
/// Only "\n" ends a line. Throws Error(missing) when the file cannot be opened and
/// Error(bad_data) "path:line:column: ..." for invalid UTF-8, an over-long line or damaged gzip.
void for_each_line(const std::filesystem::path& path,
                   const std::function<void(std::size_t, std::string_view)>& visit);

/// The same for JSON Lines: blank lines are skipped, each other line must be one JSON object.
void for_each_json_line(const std::filesystem::path& path,
                        const std::function<void(std::size_t, const nlohmann::json&)>& visit);

/// The whole file, decompressed.
std::string read_bytes(const std::filesystem::path& path);

/// The same as text: checked to be UTF-8, without a byte order mark.
std::string read_text(const std::filesystem::path& path);

}  // namespace trellis::text
