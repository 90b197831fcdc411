#include "gui/annotation_queue.hpp"

#include <chrono>

#include "core/error.hpp"

namespace trellis::gui {
namespace {

constexpr auto retry_every = std::chrono::seconds(1);

void put_into(storage::AnnotationWriter& writer, const Annotation& annotation) {
  if (const auto* rating = std::get_if<storage::Rating>(&annotation)) {
    writer.put(*rating);
  } else if (const auto* preference = std::get_if<storage::Preference>(&annotation)) {
    writer.put(*preference);
  } else {
    const auto& change = std::get<TagChange>(annotation);
    if (change.add) {
      writer.add(change.tag);
    } else {
      writer.remove(change.tag);
    }
  }
}

}  // namespace

AnnotationQueue::AnnotationQueue(std::filesystem::path database, std::function<void()> written)
    : database_(std::move(database)), written_(std::move(written)) {
  thread_ = std::thread([this] { write_all(); });
}

AnnotationQueue::~AnnotationQueue() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void AnnotationQueue::put(Annotation annotation) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(annotation));
  }
  wake_.notify_all();
}

std::string AnnotationQueue::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

std::uint64_t AnnotationQueue::commits() const {
  const std::lock_guard lock(mutex_);
  return commits_;
}

void AnnotationQueue::write_all() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return ending_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const auto next = waiting_.front();
    lock.unlock();
    std::string problem;
    bool again = false;
    try {
      // Opened each time: people are slow, and another file may have taken this one's place.
      storage::AnnotationWriter writer(database_);
      put_into(writer, next);
    } catch (const Error& error) {
      problem = error.what();
      again = error.fault() != Fault::usage;
    } catch (const std::exception& error) {
      problem = database_.string() + ": " + error.what();
    }
    lock.lock();
    if (!again) waiting_.pop_front();
    if (problem.empty()) ++commits_;
    problem_ = problem;
    lock.unlock();
    written_();
    lock.lock();
    if (!again) continue;
    if (ending_) return;
    wake_.wait_for(lock, retry_every, [&] { return ending_; });
  }
}

}  // namespace trellis::gui
