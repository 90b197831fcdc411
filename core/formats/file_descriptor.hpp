/// An open file of the system, closed with its owner.
#pragma once

#include <unistd.h>

namespace trellis::formats {

struct FileDescriptor {
  int number;  ///< negative: could not be opened

  explicit FileDescriptor(int opened) : number(opened) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (number >= 0) ::close(number);
  }
};

}  // namespace trellis::formats
