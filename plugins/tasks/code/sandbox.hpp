/// Running programs that nobody has read: bubblewrap, without network, on a read-only file system,
/// with limits of time, memory, processes and output.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace trellis::tasks {

struct SandboxLimits {
  double seconds = 5;             ///< wall clock; processor time gets as much
  std::uint64_t memory_mb = 512;  ///< of each process
  std::uint64_t processes = 16;
  std::uint64_t output_kb = 64;  ///< standard output and error together, and any file
  bool walls = true;             ///< false: these limits only, and no bubblewrap
};

struct SandboxResult {
  int exit_code = 0;  ///< 128 + signal when it was killed
  bool timed_out = false;
  bool too_much_output = false;
  std::string output;  ///< standard output and error
};

/// Runs `command` with `input` as standard input. Thread-safe. Throws sdk::Failure when bubblewrap
/// is missing or this system forbids it: a program is never run without its walls unless `limits`
/// say so.
SandboxResult run_in_sandbox(const std::vector<std::string>& command, const std::string& input,
                             const SandboxLimits& limits);

}  // namespace trellis::tasks
