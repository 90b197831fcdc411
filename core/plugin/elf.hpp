/// The names that a shared library exports, read from its file without loading it.
#pragma once

#include <filesystem>
#include <string_view>

namespace trellis::plugin {

/// Whether the 64-bit ELF library at `path` defines the dynamic symbol `name`. Throws Error(plugin)
/// when the file is no such library, of another machine's byte order, or cut short. Boost.DLL's
/// library_info reads the table that `strip` removes, and so cannot be asked.
bool exports_symbol(const std::filesystem::path& path, std::string_view name);

}  // namespace trellis::plugin
