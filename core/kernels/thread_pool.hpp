/// Threads for kernels: they spin for a moment after a job, as the next one is likely near, and
/// then sleep.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "core/kernels/parallel.hpp"

namespace trellis::kernels {

/// Owns its threads; used from one thread at a time. The caller works too, so a pool of n starts
/// n - 1 threads. A job is done as soon as its items are: nobody waits for a thread that has not
/// yet woken up.
class ThreadPool final : public Parallel {
 public:
  /// threads >= 1.
  explicit ThreadPool(std::size_t threads);
  ~ThreadPool() override;
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  std::size_t threads() const override { return workers_.size() + 1; }
  void run(std::size_t count, std::size_t grain, const Body& body) override;

 private:
  struct Job {
    const Body* body = nullptr;
    std::size_t count = 0;
    std::size_t grain = 1;
    std::atomic<std::size_t> next{0};
  };

  void work();
  void take_spans();

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable job_opened_;
  Job job_;                             // its plain members change only while nobody is in it
  bool open_ = false;                   // under the mutex: whether threads may still enter
  bool stopping_ = false;               // under the mutex
  std::size_t sleeping_ = 0;            // under the mutex
  std::atomic<std::size_t> inside_{0};  // threads at work, the caller aside
  std::atomic<std::uint64_t> jobs_{0};  // opened so far
};

}  // namespace trellis::kernels
