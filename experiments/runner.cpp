#include "experiments/runner.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <deque>
#include <list>
#include <set>

#include "experiments/environment.hpp"
#include "experiments/model_run.hpp"

namespace trellis::experiments {
namespace {

constexpr double kFlushSeconds = 1;
constexpr double kStopSeconds = 5;  // that a worker has to write a checkpoint

// Waits until a worker has something to say.
void wait_for_news(std::list<ModelRun>& runs) {
  constexpr int poll_milliseconds = 100;
  std::vector<pollfd> descriptors;
  for (auto& run : runs) {
    if (!run.running()) continue;
    descriptors.push_back({run.process().event_descriptor(), POLLIN, 0});
    descriptors.push_back({run.process().error_descriptor(), POLLIN, 0});
  }
  poll(descriptors.data(), descriptors.size(), poll_milliseconds);
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

  // What a run needs is trained before, as long as that may still come.
  bool may_start(const ModelRun& run) const {
    const auto needs = run.needs();
    return std::none_of(needs.begin(), needs.end(), [&](std::size_t model) {
      return !is_trained(context_, model) && may_come(model, run);
    });
  }

  // Runs that only train wait for none but their like, or two models that are lent to each other
  // would wait for each other's trials.
  bool may_come(std::size_t model, const ModelRun& needed_by) const {
    const bool is_base = context_.plan.models[needed_by.place_in_plan()].base == model;
    const auto trains_it = [&](const ModelRun& other) {
      return &other != &needed_by && other.place_in_plan() == model &&
             (other.only_trains() || (is_base && !needed_by.only_trains()));
    };
    return std::any_of(runs_.begin(), runs_.end(),
                       [&](const auto& other) { return other.running() && trains_it(other); }) ||
           std::any_of(waiting_.begin(), waiting_.end(),
                       [&](const auto* other) { return trains_it(*other); });
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

// A model that is not trained yet, and what that one begins at.
void add_untrained(const RunContext& context, std::size_t model, std::set<std::size_t>& models) {
  const auto& planned = context.plan.models[model];
  if (planned.given || is_trained(context, model) || !models.insert(model).second) return;
  if (planned.base) add_untrained(context, *planned.base, models);
}

// Models that must be trained before other models' trials, or their training, can begin, and that
// no run would train in time.
std::set<std::size_t> models_to_train_first(
    const RunContext& context, const std::vector<std::vector<std::size_t>>& open_trials) {
  std::set<std::size_t> models;
  for (std::size_t m = 0; m < open_trials.size(); ++m) {
    if (open_trials[m].empty()) continue;
    const auto& base = context.plan.models[m].base;
    if (base && open_trials[*base].empty()) add_untrained(context, *base, models);
    for (const auto trial : open_trials[m]) {
      const auto& draft = context.plan.trials[trial].draft_model;
      if (draft) add_untrained(context, *draft, models);
    }
  }
  return models;
}

// Of a model's trials those that are not done, made ready for a new attempt.
std::vector<std::size_t> open_trials_of(RunContext& context, const PlannedModel& model) {
  std::vector<std::size_t> open;
  for (const auto index : model.trials) {
    const auto& id = context.plan.trials[index].record.id;
    if (context.store.status(id) == storage::TrialStatus::done) {
      ++context.summary.done_before;
      continue;
    }
    context.store.clear_failures(id);
    if (const auto& why = context.plan.task_failures[context.plan.trials[index].task];
        !why.empty()) {
      context.store.put_failure({id, std::nullopt, "load", why, std::nullopt, std::nullopt, ""});
      context.store.set_status(id, storage::TrialStatus::failed);
      ++context.summary.failed;
      continue;
    }
    context.store.set_status(id, storage::TrialStatus::pending);
    open.push_back(index);
  }
  return open;
}

}  // namespace

RunSummary run_plan(const Plan& plan, const Config& config, storage::Store& store,
                    const std::filesystem::path& database, const WorkerOptions& options,
                    Progress& progress, const StopRequests& stop_requests) {
  RunSummary summary;
  summary.trials = plan.trials.size();
  auto reader = storage::Reader::open(database);
  RunContext context{plan, config, store, reader, options, progress, summary};
  std::vector<std::vector<std::size_t>> open_trials;
  for (const auto& model : plan.models) open_trials.push_back(open_trials_of(context, model));
  std::list<ModelRun> runs;
  std::deque<ModelRun*> waiting;
  const auto add_run = [&](std::size_t model, const std::vector<std::size_t>& open) {
    store.clear_failures(plan.models[model].record.id);
    runs.emplace_back(context, model, open, static_cast<int>(model));
    waiting.push_back(&runs.back());
  };
  for (const auto model : models_to_train_first(context, open_trials)) add_run(model, {});
  for (std::size_t m = 0; m < plan.models.size(); ++m) {
    if (!open_trials[m].empty()) add_run(m, open_trials[m]);
  }
  PlanRunner(context, std::move(waiting), runs, stop_requests).run();
  return summary;
}

}  // namespace trellis::experiments
