#include "experiments/environment.hpp"

#include <sched.h>
#include <sqlite3.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <chrono>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <string>

#include "experiments/build_facts.hpp"

namespace trellis::experiments {
namespace {

std::string processor_name() {
  std::ifstream stream("/proc/cpuinfo");
  for (std::string line; std::getline(stream, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

}  // namespace

nlohmann::json describe_environment() {
  utsname system{};
  uname(&system);
  return {{"processor", processor_name()},
          {"processors", processor_count()},
          {"memory_bytes", memory_bytes()},
          {"system", std::string(system.sysname) + ' ' + system.release + ' ' + system.machine},
          {"compiler", kCompiler},
          {"build_type", kBuildType},
          {"libraries", {{"sqlite", sqlite3_libversion()}, {"libtorch", kTorchVersion}}},
          {"trellis", kVersion},
          {"commit", kCommit}};
}

std::uint64_t memory_bytes() {
  auto bytes = static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) *
               static_cast<std::uint64_t>(sysconf(_SC_PAGE_SIZE));
  std::ifstream limit("/sys/fs/cgroup/memory.max");
  if (std::uint64_t limited = 0; limit >> limited) bytes = std::min(bytes, limited);
  return bytes;
}

std::uint64_t available_memory_bytes() {
  auto bytes = memory_bytes();
  std::ifstream facts("/proc/meminfo");
  for (std::string line; std::getline(facts, line);) {
    std::uint64_t kilobytes = 0;
    if (std::sscanf(line.c_str(), "MemAvailable: %" SCNu64 " kB", &kilobytes) != 1) continue;
    bytes = std::min(bytes, kilobytes * 1024);
  }
  std::ifstream limit("/sys/fs/cgroup/memory.max");
  std::ifstream current("/sys/fs/cgroup/memory.current");
  std::uint64_t most = 0;
  std::uint64_t used = 0;
  if (limit >> most && current >> used) bytes = std::min(bytes, most - std::min(most, used));
  return bytes;
}

int processor_count() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(CPU_COUNT(&set), 1);
}

std::filesystem::path this_program() {
  return std::filesystem::read_symlink("/proc/self/exe");
}

double monotonic_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace trellis::experiments
