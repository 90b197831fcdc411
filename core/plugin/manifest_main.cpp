// trellis-manifest LIBRARY: writes the manifest beside a plugin library. Run when it is built.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>

#include "core/plugin/registry.hpp"

namespace {

trellis_host quiet_host() {
  trellis_host host{};
  host.struct_size = sizeof host;
  host.abi_major = TRELLIS_ABI_MAJOR;
  host.abi_minor = TRELLIS_ABI_MINOR;
  host.log = [](void*, std::int32_t, const char*, std::size_t) {};
  host.cancelled = [](void*) -> std::int32_t { return 0; };
  host.threads = [](void*) -> std::int32_t { return 1; };
  return host;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: trellis-manifest LIBRARY\n", stderr);
    return 2;
  }
  try {
    static const trellis_host host = quiet_host();
    const std::filesystem::path library = std::filesystem::absolute(argv[1]);
    const auto manifest = trellis::plugin::make_manifest(library, host);
    const auto target = std::filesystem::path(library).replace_extension(".json");
    const auto unfinished = std::filesystem::path(library).replace_extension(".json.new");
    std::ofstream stream(unfinished);
    stream << manifest.dump(1) << '\n';
    stream.close();
    if (!stream) throw std::runtime_error(unfinished.string() + ": cannot be written");
    std::filesystem::rename(unfinished, target);
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "trellis-manifest: %s\n", exception.what());
    return 1;
  }
  return 0;
}
