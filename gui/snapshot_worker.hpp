/// Keeps a snapshot of the database up to date in threads of its own.
///
/// One thread reads what the dashboard wishes to see and looks four times a second whether somebody
/// has committed; another computes comparisons, which may take seconds. Reading takes at most about
/// a tenth of a core while a run commits without pause. A database that is missing, locked, damaged
/// or newer is told as the snapshot's problem and tried again each second; a file that takes its
/// place is opened.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "gui/snapshot.hpp"

namespace trellis::gui {

/// Computes what the model looked at in the sample whose attention is wished for; called by the
/// reading thread. Its `problem` is set where that is not possible. `cancelled` may be asked from
/// time to time.
using AttentionSource =
    std::function<Attention(const Wish& wish, const std::function<bool()>& cancelled)>;

class SnapshotWorker {
 public:
  /// `published` is called by the worker's threads after each new snapshot; it must not block.
  SnapshotWorker(std::filesystem::path database, AttentionSource attention,
                 std::function<void()> published);
  SnapshotWorker(const SnapshotWorker&) = delete;
  SnapshotWorker& operator=(const SnapshotWorker&) = delete;
  /// Interrupts what is being read.
  ~SnapshotWorker();

  /// The newest snapshot; never null. Any thread, at once.
  std::shared_ptr<const Snapshot> snapshot() const;
  /// What to read from now on. A query in SQL that is no longer wished for is stopped.
  void set_wish(const Wish& wish);

 private:
  class Reading;
  class Comparing;

  void read_all();
  void compare_all();
  /// Changes a copy of the snapshot and makes it the newest.
  void publish(const std::function<void(Snapshot&)>& change);
  /// What runs stored, until what takes longer (tests, several seeds together) is computed.
  void publish_stored_values();
  void tell_problem(const std::string& problem);

  const std::filesystem::path database_;
  const AttentionSource attention_;
  const std::function<void()> published_;

  mutable std::mutex mutex_;  // of all below
  std::condition_variable wake_;
  std::shared_ptr<const Snapshot> snapshot_;
  Wish wish_;
  storage::Reader* asking_ = nullptr;  // runs the user's SQL now
  std::uint64_t commits_ = 0;          // seen so far: when comparisons are out of date
  bool ending_ = false;

  std::thread reading_;
  std::thread comparing_;
};

}  // namespace trellis::gui
