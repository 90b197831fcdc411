/// Runs the benchmarks of a program, with what the figures depend on in the output's context.
#include <benchmark/benchmark.h>
#include <dlfcn.h>
#include <malloc.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "experiments/environment.hpp"

namespace {

// Of the library that LibTorch multiplies matrices with, where this program loads it.
std::string blas() {
  using Describe = char* (*)();
  const auto describe =
      reinterpret_cast<Describe>(dlsym(RTLD_DEFAULT, "openblas_get_config"));  // NOLINT
  return describe != nullptr ? describe() : "";
}

}  // namespace

int main(int count, char** arguments) {
  const auto environment = trellis::experiments::describe_environment();
  for (const char* fact : {"processor", "compiler", "build_type", "commit"})
    benchmark::AddCustomContext(fact, environment.at(fact));
  benchmark::AddCustomContext("processors", environment.at("processors").dump());
  for (const auto& [library, version] : environment.at("libraries").items())
    benchmark::AddCustomContext(library, version);
  if (const auto name = blas(); !name.empty()) benchmark::AddCustomContext("blas", name);
  benchmark::Initialize(&count, arguments);
  if (benchmark::ReportUnrecognizedArguments(count, arguments)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
