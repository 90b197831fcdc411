/// Only one process writes to a database: a lock that the kernel drops when its holder dies.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

namespace trellis::storage {

/// Held from construction to destruction: flock(2) on `<database>.lock`, which is removed at the
/// end. A kill -9 leaves the file but not the lock, so the next writer just takes it. Child
/// processes that exec do not inherit it. Symbolic links to one database share one lock.
class WriterLock {
 public:
  /// Throws Error(busy) with the holder's process id, Error(environment) where no file can be
  /// made, Error(missing) where the folder does not exist.
  explicit WriterLock(const std::filesystem::path& database);
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;
  ~WriterLock();

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

/// The process that holds the lock of a database now; nothing where none does, or where that is
/// another user's secret. Takes no lock itself, so it is in nobody's way.
std::optional<int> lock_holder(const std::filesystem::path& database);

}  // namespace trellis::storage
