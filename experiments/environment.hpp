/// What a result may depend on besides its trial: machine, compiler, libraries, commit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>

namespace trellis::experiments {

/// Recorded with every experiment.
nlohmann::json describe_environment();

/// Memory that this process may use, in bytes: the machine's, or the control group's limit.
std::uint64_t memory_bytes();
/// What of it is free, or could be at once.
std::uint64_t available_memory_bytes();
/// Processors that this process may use.
int processor_count();
/// The file that this process runs from.
std::filesystem::path this_program();

/// Since any fixed moment; never goes back.
double monotonic_seconds();

}  // namespace trellis::experiments
