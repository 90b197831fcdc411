#include "tests/bench/python_reference.hpp"

#include <cstdio>
#include <cstdlib>

namespace trellis::bench {

std::optional<double> python_seconds(const std::string& script,
                                     const std::vector<std::string>& arguments) {
  const char* python = std::getenv("TRELLIS_BENCH_PYTHON");
  std::string command = python != nullptr ? python : "python3";
  command += " " TRELLIS_SOURCE_DIR "/tests/bench/" + script;
  for (const std::string& argument : arguments) command += " " + argument;
  FILE* answer = popen((command + " 2>/dev/null").c_str(), "r");
  double seconds = 0;
  const bool read = answer != nullptr && std::fscanf(answer, "%lf", &seconds) == 1;
  if (answer != nullptr) pclose(answer);
  return read && seconds > 0 ? std::optional(seconds) : std::nullopt;
}

}  // namespace trellis::bench
