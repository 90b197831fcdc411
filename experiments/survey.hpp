/// Looking at the data of all tasks before anything is run, each in a worker of its own.
#pragma once

#include <vector>

#include "experiments/config.hpp"
#include "experiments/protocol.hpp"
#include "experiments/runner.hpp"

namespace trellis::experiments {

/// One answer a task. What is wrong with a task's settings or data is thrown as Error(usage), one
/// line a task with its place in the config; a task whose plugin crashes or hangs gets a `failure`.
std::vector<TaskFacts> survey_tasks(const Config& config, const WorkerOptions& options,
                                    const StopRequests& stop_requests);

/// Runs a worker to its end and hands its events to `on_event`. Returns why it did not reach the
/// end of its job, or nothing. Throws Error(cancelled).
std::string run_worker(const Job& job, const WorkerOptions& options,
                       const StopRequests& stop_requests,
                       const std::function<void(const nlohmann::json&)>& on_event);

}  // namespace trellis::experiments
