#include "storage/writer_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <system_error>

#include "core/error.hpp"

namespace trellis::storage {
namespace {

std::filesystem::path lock_path(const std::filesystem::path& database) {
  std::error_code ignored;
  auto path = std::filesystem::weakly_canonical(database, ignored);
  if (ignored) path = database;
  path += ".lock";
  return path;
}

std::string holder(int descriptor) {
  char buffer[32] = {};
  const auto size = pread(descriptor, buffer, sizeof buffer - 1, 0);
  return size > 0 ? " (process " + std::string(buffer, static_cast<std::size_t>(size)) + ")" : "";
}

/// Whether `path` still names the file that is open: its former holder may have removed it.
bool names_open_file(const std::filesystem::path& path, int descriptor) {
  struct stat open_file {};
  struct stat named_file {};
  return fstat(descriptor, &open_file) == 0 && stat(path.c_str(), &named_file) == 0 &&
         open_file.st_dev == named_file.st_dev && open_file.st_ino == named_file.st_ino;
}

}  // namespace

WriterLock::WriterLock(const std::filesystem::path& database) : path_(lock_path(database)) {
  for (;;) {
    descriptor_ = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor_ < 0) {
      const int error = errno;
      const auto folder = path_.parent_path().string();
      if (error == ENOENT) {
        throw Error(Fault::missing, database.string() + ": the folder " + folder +
                                        " does not exist; make it or name another database");
      }
      throw Error(Fault::environment, database.string() + ": cannot write in " + folder + " (" +
                                          std::strerror(error) +
                                          "); give write permission or name another database");
    }
    if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
      const auto who = holder(descriptor_);
      close(descriptor_);
      throw Error(Fault::busy, database.string() + ": another trellis" + who +
                                   " is writing to it; wait for its end or name another database");
    }
    if (names_open_file(path_, descriptor_)) break;
    close(descriptor_);
  }
  const auto process = std::to_string(getpid());
  // The number only helps the message above, so a full disk is no reason to stop here.
  if (ftruncate(descriptor_, 0) != 0 || pwrite(descriptor_, process.data(), process.size(), 0) < 0)
    errno = 0;
}

std::optional<int> lock_holder(const std::filesystem::path& database) {
  const auto path = lock_path(database);
  int process = 0;
  if (!(std::ifstream(path) >> process) || process <= 0) return std::nullopt;
  // A file that a killed holder left behind names a process that is gone, or is another by now.
  const auto files = std::filesystem::path("/proc") / std::to_string(process) / "fd";
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(files, ignored)) {
    if (std::filesystem::read_symlink(entry.path(), ignored) == path) return process;
  }
  return std::nullopt;
}

WriterLock::~WriterLock() {
  unlink(path_.c_str());
  close(descriptor_);
}

}  // namespace trellis::storage
