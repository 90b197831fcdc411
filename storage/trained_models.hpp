/// The models that lie beside a database, whatever experiments they belong to today.
#pragma once

#include <filesystem>
#include <vector>

#include "storage/store.hpp"

namespace trellis::storage {

/// All that were trained or loaded to their end, the latest last. Throws Error(missing) or
/// Error(bad_data).
std::vector<ModelRecord> trained_models(const std::filesystem::path& database);

}  // namespace trellis::storage
