/// What Reader holds; shared by the files that read.
#pragma once

#include "storage/connection.hpp"
#include "storage/queries.hpp"

namespace trellis::storage {

struct Reader::Implementation {
  explicit Implementation(const std::filesystem::path& path) : connection(path, Access::read) {}

  /// Throws Error(usage) for an unknown trial.
  std::int64_t trial_key(const std::string& trial);

  Connection connection;
};

}  // namespace trellis::storage
