/// Keeps a snapshot of the database up to date in threads of its own.
///
/// One thread reads what the dashboard wishes to see and looks four times a second whether somebody
/// has committed; another computes comparisons, which may take seconds; a third stores what people
/// say of outputs. Reading takes at most about
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

#include "gui/annotation_queue.hpp"
#include "gui/snapshot.hpp"

namespace trellis::gui {

/// What `trellis` itself computes for the dashboard. Called by the reading thread; what goes wrong
/// becomes the answer's problem. `cancelled` may be asked from time to time.
struct TrellisCommands {
  using Cancelled = std::function<bool()>;

  /// What the model looked at in the sample whose attention is wished for.
  std::function<Attention(const Wish& wish, const Cancelled& cancelled)> attention;
  /// What configs may hold.
  std::function<ConfigForms(const Cancelled& cancelled)> forms;
  /// Writes a config beside the database and checks it.
  std::function<CheckedDraft(const ConfigDraft& draft, const ConfigForms& forms,
                             const Cancelled& cancelled)>
      check;
};

class SnapshotWorker {
 public:
  /// `published` is called by the worker's threads after each new snapshot; it must not block.
  SnapshotWorker(std::filesystem::path database, TrellisCommands commands,
                 std::function<void()> published);
  SnapshotWorker(const SnapshotWorker&) = delete;
  SnapshotWorker& operator=(const SnapshotWorker&) = delete;
  /// Interrupts what is being read.
  ~SnapshotWorker();

  /// The newest snapshot; never null. Any thread, at once.
  std::shared_ptr<const Snapshot> snapshot() const;
  /// What to read from now on. A query in SQL that is no longer wished for is stopped.
  void set_wish(const Wish& wish);
  /// Stores what a person said, in the order given. Any thread, at once; the snapshot shows it once
  /// it is stored, or why it is not.
  void annotate(Annotation annotation);

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
  void tell_written();

  const std::filesystem::path database_;
  const TrellisCommands commands_;
  const std::function<void()> published_;

  mutable std::mutex mutex_;  // of all below
  std::condition_variable wake_;
  std::shared_ptr<const Snapshot> snapshot_;
  Wish wish_;
  std::uint64_t commits_ = 0;  // seen so far: when comparisons are out of date
  bool ending_ = false;

  AnnotationQueue annotations_;
  std::thread reading_;
  std::thread comparing_;
};

}  // namespace trellis::gui
