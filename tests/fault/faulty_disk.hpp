/// A disk that fails on demand: SQLite's own file layer with faults put in.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <map>

namespace trellis::tests {

/// While one lives, every database opened in this process goes through it. One at a time.
class FaultyDisk {
 public:
  FaultyDisk() {
    current = this;
    vfs_ = *base();
    vfs_.zName = "faulty";
    vfs_.xOpen = open;
    vfs_.xSleep = sleep;
    sqlite3_vfs_register(&vfs_, 1);
  }
  FaultyDisk(const FaultyDisk&) = delete;
  FaultyDisk& operator=(const FaultyDisk&) = delete;
  ~FaultyDisk() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(base(), 1);
    current = nullptr;
  }

  /// From the write after `writes` more on, all fail with `code` (SQLITE_FULL, SQLITE_IOERR_WRITE).
  /// The first of them still writes its first half.
  void fail_after(std::uint64_t writes, int code) {
    writes_ = 0;
    good_writes_ = writes;
    code_ = code;
  }
  void repair() { code_ = SQLITE_OK; }
  bool has_failed() const { return code_ != SQLITE_OK && writes_ > good_writes_; }

  /// Waiting for a lock takes no time here; called instead, with the seconds waited so far.
  std::function<void(double seconds)> on_wait = [](double) {};

 private:
  static sqlite3_vfs* base() {
    static sqlite3_vfs* const found = sqlite3_vfs_find("unix");
    return found;
  }

  static int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
    const int code = base()->xOpen(base(), name, file, flags, out);
    if (code != SQLITE_OK || file->pMethods == nullptr) return code;
    // Databases, logs and journals have different methods, but write by the same one.
    sound_write = file->pMethods->xWrite;
    auto& faulty = methods.try_emplace(file->pMethods, *file->pMethods).first->second;
    faulty.xWrite = write;
    file->pMethods = &faulty;
    return code;
  }

  static int write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
    auto* disk = current;
    if (disk == nullptr || disk->code_ == SQLITE_OK || ++disk->writes_ <= disk->good_writes_) {
      return sound_write(file, data, size, offset);
    }
    if (disk->writes_ == disk->good_writes_ + 1) sound_write(file, data, size / 2, offset);
    return disk->code_;
  }

  static int sleep(sqlite3_vfs*, int microseconds) {
    current->waited_ += microseconds * 1e-6;
    current->on_wait(current->waited_);
    return microseconds;
  }

  // SQLite's callbacks carry no context.
  static inline FaultyDisk* current = nullptr;
  static inline int (*sound_write)(sqlite3_file*, const void*, int, sqlite3_int64) = nullptr;
  static inline std::map<const sqlite3_io_methods*, sqlite3_io_methods> methods;

  sqlite3_vfs vfs_{};
  std::uint64_t writes_ = 0;
  std::uint64_t good_writes_ = 0;
  int code_ = SQLITE_OK;
  double waited_ = 0;
};

}  // namespace trellis::tests
