/// Running a plan: one worker process a model, every result into the database at once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "experiments/plan.hpp"
#include "experiments/progress.hpp"
#include "storage/store.hpp"

namespace trellis::experiments {

/// How worker processes are started.
struct WorkerOptions {
  std::filesystem::path program;  ///< that answers to the argument `worker`
  std::vector<std::filesystem::path> plugin_folders;
  int jobs = 1;     ///< workers at once
  int threads = 1;  ///< of each worker
  double timeout_seconds = 600;
  std::uint64_t memory_bytes = 0;  ///< of each worker; 0: no limit
  std::uint64_t state_memory = 0;  ///< of each worker, for states of its model; 0: no limit
};

/// Nonzero once the user asked to stop; counts how often.
using StopRequests = std::function<int()>;

struct RunSummary {
  std::size_t trials = 0;
  std::size_t done_before = 0;
  std::size_t done = 0;  ///< by this run
  std::size_t failed = 0;
  bool cancelled = false;
};

/// Brings every trial of the plan to an end. Trials that are done are left alone; of the others
/// only the samples that are missing are made. Throws Error when the database cannot be written.
RunSummary run_plan(const Plan& plan, const Config& config, storage::Store& store,
                    const std::filesystem::path& database, const WorkerOptions& options,
                    Progress& progress, const StopRequests& stop_requests);

}  // namespace trellis::experiments
