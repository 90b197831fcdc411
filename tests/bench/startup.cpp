/// How long a person waits for `trellis --help`: from starting the process to its end.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/measure.hpp"

namespace trellis::bench {
namespace {

bool run_help() {
  static std::string program = TRELLIS_BINARY_DIR "/bin/trellis";
  static std::string argument = "--help";
  char* const arguments[] = {program.data(), argument.data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  int status = 0;
  const bool started =
      posix_spawn(&child, program.c_str(), &actions, nullptr, arguments, environ) == 0;
  posix_spawn_file_actions_destroy(&actions);
  return started && waitpid(child, &status, 0) == child && status == 0;
}

void help(benchmark::State& state) {
  run_help();  // its pages are in memory from here on
  for (auto _ : state)
    if (!run_help()) state.SkipWithError("trellis --help failed");
}

BENCHMARK(help)->Name("trellis --help")->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace trellis::bench
