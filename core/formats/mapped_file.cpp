#include "core/formats/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "core/error.hpp"
#include "core/formats/file_descriptor.hpp"

namespace trellis::formats {

MappedFile::MappedFile(std::filesystem::path path) : path_(std::move(path)) {
  const FileDescriptor file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat facts {};
  if (file.number < 0 || ::fstat(file.number, &facts) != 0 || !S_ISREG(facts.st_mode)) {
    throw Error(Fault::missing,
                path_.string() + ": cannot be opened: no such file or no permission");
  }
  size_ = static_cast<std::size_t>(facts.st_size);
  if (size_ == 0) return;  // nothing to map
  void* const memory = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.number, 0);
  if (memory == MAP_FAILED) {
    throw Error(Fault::environment,
                path_.string() + ": cannot be mapped into memory: " + std::strerror(errno));
  }
  data_ = static_cast<const std::byte*>(memory);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

void MappedFile::release(std::span<const std::byte> part) const {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(part.data());
  const std::uintptr_t first = (begin + page - 1) / page * page;
  const std::uintptr_t last = (begin + part.size()) / page * page;
  if (first >= last) return;
  const std::size_t skipped = first - begin;
  // A wish: where it is not granted the pages only count for longer.
  ::madvise(const_cast<std::byte*>(part.data()) + skipped, last - first, MADV_DONTNEED);
}

}  // namespace trellis::formats
