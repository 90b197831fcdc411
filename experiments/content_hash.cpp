#include "experiments/content_hash.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <vector>

#include "core/error.hpp"

namespace trellis::experiments {
namespace {

namespace fs = std::filesystem;

std::string to_hex(XXH128_hash_t hash) {
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

struct FreeState {
  void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
};

void add_file(XXH3_state_t& state, const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw Error(Fault::missing, fmt::format("{}: cannot be read", path.string()));
  std::vector<char> buffer(1 << 20);
  while (stream) {
    stream.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    XXH3_128bits_update(&state, buffer.data(), static_cast<std::size_t>(stream.gcount()));
  }
}

}  // namespace

std::string content_hash(std::string_view content) {
  return to_hex(XXH3_128bits(content.data(), content.size()));
}

std::string content_hash(const nlohmann::json& json) {
  return content_hash(std::string_view(json.dump()));
}

std::string content_hash_of_path(const fs::path& path) {
  const std::unique_ptr<XXH3_state_t, FreeState> state(XXH3_createState());
  XXH3_128bits_reset(state.get());
  if (fs::is_directory(path)) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(path)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const auto& file : files) {
      const std::string name = file.lexically_relative(path).string();
      XXH3_128bits_update(state.get(), name.c_str(), name.size() + 1);
      add_file(*state, file);
    }
  } else {
    add_file(*state, path);
  }
  return to_hex(XXH3_128bits_digest(state.get()));
}

}  // namespace trellis::experiments
