/// What the reading thread of a SnapshotWorker has read, and what of it is out of date.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "gui/database_source.hpp"
#include "gui/snapshot_worker.hpp"
#include "gui/view_models/progress.hpp"

namespace trellis::gui {

/// Used by the reading thread alone; publishes part by part through its worker.
class SnapshotWorker::Reading {
 public:
  using Clock = std::chrono::steady_clock;

  /// How often it looks for commits, at most.
  static constexpr auto look_every = std::chrono::milliseconds(250);

  explicit Reading(SnapshotWorker& worker) : worker_(worker), source_(worker.database_) {}

  /// Looks for commits and reads the next part that is missing or out of date. False when there is
  /// nothing left to do. Throws what reading throws.
  bool step(const Wish& wish);
  /// Somebody rated here since that was read.
  bool missed_a_rating() const { return worker_.annotations_.commits() != written_; }
  /// After a fault: open again, later.
  void close();

 private:
  void look(Clock::time_point now);
  void look_at_run();
  bool read_next(const Wish& wish, const Snapshot& have);
  bool read_stored(const Wish& wish, const Snapshot& have);
  void read_overview_of(const Wish& wish);
  void read_samples_of(const Wish& wish, const Snapshot& have);
  void ask(const Wish& wish);
  /// What is to be rated and what was said; false when both are current.
  bool rate(const Wish& wish, const Snapshot& have);
  /// What configs may hold, then the check of one; false when neither is missing.
  bool compose(const Wish& wish, const Snapshot& have);
  void attend(const Wish& wish);

  template <typename Part>
  void put(Part part, std::shared_ptr<const Part> Snapshot::*place);
  template <typename Part>
  std::shared_ptr<const CharacterSet> with_characters(const Part& part) const;

  SnapshotWorker& worker_;
  DatabaseSource source_;
  const Clock::time_point began_ = Clock::now();
  SampleRate rate_;
  Clock::time_point look_next_{};
  Clock::duration cost_{};  // of what was read since the last look
  bool committed_ = false;  // which found that somebody had committed
  bool overview_old_ = true;
  bool samples_old_ = true;
  bool other_file_ = true;  // nothing that was read before can be used
  bool tokens_old_ = true;
  bool annotations_old_ = true;
  std::uint64_t written_ = 0;  // commits of the worker's own that were read
  std::string asked_experiment_;
  std::uint64_t asked_ = 0;
  std::uint64_t checked_ = 0;  // drafts
};

}  // namespace trellis::gui
