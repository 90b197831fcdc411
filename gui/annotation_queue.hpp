/// Writes what people say of outputs, in a thread and by a connection of its own, in order: a frame
/// never waits for the disk, nor for a run that is committing.
#pragma once

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "gui/snapshot.hpp"

namespace trellis::gui {

class AnnotationQueue {
 public:
  /// `written` is called by the queue's thread after every commit and whenever the problem changes;
  /// it must not block.
  AnnotationQueue(std::filesystem::path database, std::function<void()> written);
  AnnotationQueue(const AnnotationQueue&) = delete;
  AnnotationQueue& operator=(const AnnotationQueue&) = delete;
  /// Writes what is left; gives up what the database will not take.
  ~AnnotationQueue();

  /// Any thread, at once.
  void put(Annotation annotation);
  /// Why the oldest cannot be written now, in one line; empty when all is well. What a busy or full
  /// disk refuses is tried again every second, what can never be written is dropped.
  std::string problem() const;
  /// Commits so far.
  std::uint64_t commits() const;

 private:
  void write_all();

  const std::filesystem::path database_;
  const std::function<void()> written_;

  mutable std::mutex mutex_;  // of all below
  std::condition_variable wake_;
  std::deque<Annotation> waiting_;
  std::string problem_;
  std::uint64_t commits_ = 0;
  bool ending_ = false;

  std::thread thread_;
};

}  // namespace trellis::gui
