#include "gui/snapshot_worker.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "core/error.hpp"
#include "gui/snapshot_reading.hpp"
#include "gui/view_models/leaderboard.hpp"

namespace trellis::gui {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto retry_every = 1000ms;

}  // namespace

SnapshotWorker::SnapshotWorker(std::filesystem::path database, TrellisCommands commands,
                               std::function<void()> published)
    : database_(std::move(database)),
      commands_(std::move(commands)),
      published_(std::move(published)),
      annotations_(database_, [this] { tell_written(); }) {
  auto first = std::make_shared<Snapshot>();
  first->database = database_.string();
  first->reading = true;
  snapshot_ = first;
  reading_ = std::thread([this] { read_all(); });
  comparing_ = std::thread([this] { compare_all(); });
}

SnapshotWorker::~SnapshotWorker() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  reading_.join();
  comparing_.join();
}

std::shared_ptr<const Snapshot> SnapshotWorker::snapshot() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

void SnapshotWorker::set_wish(const Wish& wish) {
  {
    const std::lock_guard lock(mutex_);
    if (wish == wish_) return;
    wish_ = wish;
    auto copy = std::make_shared<Snapshot>(*snapshot_);
    copy->reading = true;
    snapshot_ = std::move(copy);
  }
  wake_.notify_all();
}

void SnapshotWorker::annotate(Annotation annotation) {
  annotations_.put(std::move(annotation));
}

void SnapshotWorker::tell_written() {
  if (const auto problem = annotations_.problem(); problem != snapshot()->annotation_problem) {
    publish([&](Snapshot& snapshot) { snapshot.annotation_problem = problem; });
  }
  wake_.notify_all();
}

void SnapshotWorker::publish(const std::function<void(Snapshot&)>& change) {
  {
    const std::lock_guard lock(mutex_);
    auto copy = std::make_shared<Snapshot>(*snapshot_);
    change(*copy);
    snapshot_ = std::move(copy);
  }
  published_();
}

void SnapshotWorker::publish_stored_values() {
  const auto have = snapshot();
  const auto& name = have->overview->experiment.name;
  if (have->comparison && have->comparison->experiment.name == name) return;
  auto stored = std::make_shared<const reports::Comparison>(stored_values(*have->overview));
  publish([&](Snapshot& snapshot) {
    snapshot.comparison = std::move(stored);
    snapshot.compared = false;
  });
}

void SnapshotWorker::tell_problem(const std::string& problem) {
  const auto have = snapshot();
  if (have->problem == problem && !have->reading) return;
  publish([&](Snapshot& snapshot) {
    snapshot.problem = problem;
    snapshot.reading = false;
  });
}

void SnapshotWorker::read_all() {
  Reading reading(*this);
  for (;;) {
    Wish wish;
    {
      const std::lock_guard lock(mutex_);
      if (ending_) return;
      wish = wish_;
    }
    Clock::duration pause = Reading::look_every;
    bool failed = true;
    try {
      if (reading.step(wish)) continue;
      bool told = false;
      {
        const std::lock_guard lock(mutex_);
        told = !snapshot_->reading || wish_ != wish;
      }
      if (!told) publish([](Snapshot& snapshot) { snapshot.reading = false; });
      failed = false;
    } catch (const Error& error) {
      reading.close();
      tell_problem(error.what());
      pause = retry_every;
    } catch (const std::exception& error) {
      reading.close();
      tell_problem(database_.string() + ": " + error.what());
      pause = retry_every;
    }
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, pause, [&] {
      return ending_ || wish_ != wish || (!failed && reading.missed_a_rating());
    });
  }
}

void SnapshotWorker::compare_all() {
  std::optional<std::pair<std::string, std::string>> asked;  // experiment, baseline
  std::uint64_t seen = 0;
  Clock::duration cost{};
  for (;;) {
    std::pair<std::string, std::string> wanted;
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, std::max<Clock::duration>(Reading::look_every, asked ? 4 * cost : 0ms),
                     [&] { return ending_; });
      if (ending_) return;
      if (!snapshot_->overview || snapshot_->overview->experiments.empty()) continue;
      wanted = {snapshot_->overview->experiment.name, wish_.baseline};
      if (asked == wanted && seen == commits_) continue;
      seen = commits_;
      asked = wanted;
    }
    const auto begin = Clock::now();
    try {
      auto reader = storage::Reader::open(database_);
      reports::CompareOptions options;
      options.experiment = wanted.first;
      options.baseline = wanted.second;
      auto comparison =
          std::make_shared<const reports::Comparison>(reports::compare(reader, options));
      publish([&](Snapshot& snapshot) {
        snapshot.comparison = std::move(comparison);
        snapshot.compared = true;
      });
    } catch (const std::exception&) {
      // The reading thread tells what is wrong with the database.
    }
    cost = Clock::now() - begin;
  }
}

}  // namespace trellis::gui
