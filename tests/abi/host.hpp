/// A host for tests, and loading plugins the way every program of Trellis does.
#pragma once

#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "core/plugin/registry.hpp"
#include "tests/message_of.hpp"

namespace trellis::tests {

/// Lives as long as the process, as the registry demands.
inline const trellis_host& quiet_host() {
  static const trellis_host host = {sizeof(trellis_host),
                                    TRELLIS_ABI_MAJOR,
                                    TRELLIS_ABI_MINOR,
                                    nullptr,
                                    [](void*, std::int32_t, const char*, std::size_t) {},
                                    [](void*) -> std::int32_t { return 0; },
                                    [](void*) -> std::int32_t { return 1; }};
  return host;
}

inline std::filesystem::path built_plugins() {
  return TRELLIS_BINARY_DIR "/lib/trellis/plugins";
}

/// A folder that is gone when the test is over.
class TemporaryFolder {
 public:
  TemporaryFolder()
      : path_(std::filesystem::temp_directory_path() /
              ("trellis-abi-" + std::to_string(std::random_device{}()))) {
    std::filesystem::create_directories(path_);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline void write_file(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace trellis::tests
