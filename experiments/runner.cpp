#include "experiments/runner.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <deque>
#include <list>

#include "experiments/environment.hpp"
#include "experiments/model_run.hpp"

namespace trellis::experiments {
namespace {

constexpr int kPollMilliseconds = 100;
constexpr double kFlushSeconds = 1;
constexpr double kStopSeconds = 5;  // that a worker has to write a checkpoint

// Waits until a worker has something to say.
void wait_for_news(std::list<ModelRun>& runs) {
  std::vector<pollfd> descriptors;
  for (auto& run : runs) {
    if (!run.running()) continue;
    descriptors.push_back({run.process().event_descriptor(), POLLIN, 0});
    descriptors.push_back({run.process().error_descriptor(), POLLIN, 0});
  }
  poll(descriptors.data(), descriptors.size(), kPollMilliseconds);
}

class PlanRunner {
 public:
  PlanRunner(RunContext& context, std::deque<ModelRun*> waiting, std::list<ModelRun>& runs,
             const StopRequests& stop_requests)
      : context_(context),
        waiting_(std::move(waiting)),
        runs_(runs),
        stop_requests_(stop_requests) {}

  void run() {
    while (true) {
      start_workers();
      if (!any_running()) break;
      wait_for_news(runs_);
      const double now = monotonic_seconds();
      follow_stop_requests(now);
      for (auto& run : runs_) {
        if (run.running()) attend(run, now);
      }
      if (now - last_flush_ > kFlushSeconds) {
        for (auto& run : runs_) run.flush();
        last_flush_ = now;
      }
    }
  }

 private:
  bool any_running() const {
    return std::any_of(runs_.begin(), runs_.end(), [](const auto& run) { return run.running(); });
  }

  void start_workers() {
    auto running =
        std::count_if(runs_.begin(), runs_.end(), [](const auto& run) { return run.running(); });
    while (running < context_.options.jobs && !context_.summary.cancelled) {
      const auto next = std::find_if(waiting_.begin(), waiting_.end(),
                                     [&](const auto* run) { return may_start(*run); });
      if (next == waiting_.end()) break;
      auto* run = *next;
      waiting_.erase(next);
      if (run->start()) ++running;
    }
  }

  // A model that begins at another waits for it, as long as it may still come.
  bool may_start(const ModelRun& run) const {
    if (run.base_is_ready()) return true;
    const auto base = context_.plan.models[run.place_in_plan()].base;
    const auto is_base = [&](const ModelRun& other) { return other.place_in_plan() == *base; };
    return std::none_of(runs_.begin(), runs_.end(),
                        [&](const ModelRun& other) { return is_base(other) && other.running(); }) &&
           std::none_of(waiting_.begin(), waiting_.end(),
                        [&](const ModelRun* other) { return is_base(*other); });
  }

  void attend(ModelRun& run, double now) {
    std::string killed_because;
    try {
      run.read(now);
    } catch (const Error& error) {
      if (error.fault() != Fault::plugin) throw;
      killed_because = error.what();
    }
    if (killed_because.empty() && run.process().open()) {
      // Only once all has been read: the host itself may have waited for a busy database.
      if (now - run.last_sign_of_life() <= context_.options.timeout_seconds) return;
      killed_because = fmt::format("the worker gave no sign of life for {:g} s and was killed",
                                   context_.options.timeout_seconds);
    }
    if (!killed_because.empty()) run.process().kill();
    run.conclude(killed_because, context_.summary.cancelled);
    // A worker that fell over one trial leaves the others to another worker.
    if (!context_.summary.cancelled) waiting_.push_front(&run);
  }

  void follow_stop_requests(double now) {
    const int requests = stop_requests_();
    if (requests == 0) return;
    if (!context_.summary.cancelled) {
      context_.summary.cancelled = true;
      stop_began_ = now;
      for (auto& run : runs_) {
        if (run.running()) run.process().ask_to_stop();
      }
    }
    if (requests > 1 || now - stop_began_ > kStopSeconds) {
      for (auto& run : runs_) {
        if (run.running()) run.process().kill();
      }
    }
  }

  RunContext& context_;
  std::deque<ModelRun*> waiting_;
  std::list<ModelRun>& runs_;
  const StopRequests& stop_requests_;
  double last_flush_ = 0;
  double stop_began_ = 0;
};

}  // namespace

RunSummary run_plan(const Plan& plan, const Config& config, storage::Store& store,
                    const std::filesystem::path& database, const WorkerOptions& options,
                    Progress& progress, const StopRequests& stop_requests) {
  RunSummary summary;
  summary.trials = plan.trials.size();
  auto reader = storage::Reader::open(database);
  RunContext context{plan, config, store, reader, options, progress, summary};
  std::list<ModelRun> runs;
  std::deque<ModelRun*> waiting;
  for (std::size_t m = 0; m < plan.models.size(); ++m) {
    std::vector<std::size_t> open;
    for (const auto index : plan.models[m].trials) {
      const auto& id = plan.trials[index].record.id;
      if (store.status(id) == storage::TrialStatus::done) {
        ++summary.done_before;
        continue;
      }
      store.clear_failures(id);
      if (const auto& why = plan.task_failures[plan.trials[index].task]; !why.empty()) {
        store.put_failure({id, std::nullopt, "load", why, std::nullopt, std::nullopt, ""});
        store.set_status(id, storage::TrialStatus::failed);
        ++summary.failed;
        continue;
      }
      store.set_status(id, storage::TrialStatus::pending);
      open.push_back(index);
    }
    if (open.empty()) continue;
    store.clear_failures(plan.models[m].record.id);
    runs.emplace_back(context, m, open, static_cast<int>(m));
    waiting.push_back(&runs.back());
  }
  PlanRunner(context, std::move(waiting), runs, stop_requests).run();
  return summary;
}

}  // namespace trellis::experiments
