/// What Store holds; shared by the files that write.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "storage/connection.hpp"
#include "storage/store.hpp"
#include "storage/writer_lock.hpp"

namespace trellis::storage {

struct Store::Implementation {
  Implementation(const std::filesystem::path& path, Clock time)
      : lock(path), connection(path, Access::write), clock(std::move(time)) {}

  /// The local key of a trial. Throws Error(usage) for one that no experiment announced.
  std::int64_t trial_key(const std::string& trial);

  WriterLock lock;
  Connection connection;
  Clock clock;
  std::optional<std::int64_t> experiment;   ///< of the last put_experiment
  std::optional<std::int64_t> environment;  ///< of the last put_experiment
  std::unordered_map<std::string, std::int64_t> trial_keys;
};

}  // namespace trellis::storage
