/// A file's bytes in memory without reading it: the system brings in the pages that are looked at.
///
/// A file must not shrink while it is mapped: looking at what is gone ends the process. Programs
/// that write beside and rename, as Trellis does, never do that to it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace trellis::formats {

/// Immutable, so any number of threads may read it.
class MappedFile {
 public:
  /// Throws Error(missing) when the file cannot be opened, Error(environment) when it cannot be
  /// mapped.
  explicit MappedFile(std::filesystem::path path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::span<const std::byte> bytes() const { return {data_, size_}; }

  /// Counts the pages that lie wholly in a part of bytes() no longer as this process's memory.
  /// Looking at them again brings them back.
  void release(std::span<const std::byte> part) const;

 private:
  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace trellis::formats
