/// The worker process: the only place where plugins' code runs during an experiment, so that
/// whatever a plugin does, the host and the other workers go on.
#pragma once

#include <functional>
#include <istream>
#include <nlohmann/json.hpp>

#include "core/plugin/registry.hpp"
#include "experiments/protocol.hpp"

namespace trellis::experiments {

/// The environment variable that names the vector instructions which a worker's kernels use: see
/// core/kernels/targets.hpp.
inline constexpr const char* kVectorTargetVariable = "TRELLIS_VECTOR_TARGET";

/// Sends one event to the host.
using SendEvent = std::function<void(const nlohmann::json&)>;
using Cancelled = std::function<bool()>;
/// Leaves word whose plugins are about to run, 1 plus the index of a trial or 0 for the model, in
/// case they end the process.
using Mark = std::function<void(std::uint32_t)>;

/// What a worker's parts share.
struct WorkerContext {
  plugin::Registry& registry;
  SendEvent send;
  Cancelled cancelled;
  Mark mark;
  std::size_t threads = 1;
};

/// {"event": "task", "index": i, "facts": ...} or {"event": "problem", "index": i, "message": ...}
/// for every task.
void run_survey(const WorkerContext& context, const SurveyJob& job);

/// Events, in this order where they occur:
///   stage          {"stage": "train" | "load" | "generate", "trials": [ids], with the last}
///   training_point {"point": as the ABI says}
///   model          {"description": ..., "trained": bool, "seconds": x}
///   sample         {"trial": id, "sample": record}
///   sample_failed  {"trial": id, "example_id": ..., "message": ...}
///   progress       {"tokens": n}
///   trial_done     {"trial": id, "totals": ...}
///   sweep          {"task": index, "totals": what its trials cost together}
///   trial_failed   {"trial": id, "stage": ..., "message": ...}
void run_model(const WorkerContext& context, const ModelJob& job);

/// {"event": "scores", "trial": id, "samples": [records without texts and tokens]} in batches.
void run_score(const WorkerContext& context, const ScoreJob& job);

/// Reads a job from standard input and does it; the last event is {"event": "end"}, or
/// {"event": "failed", "fault": n, "message": ...}. Returns the exit code.
int worker_main();

}  // namespace trellis::experiments
