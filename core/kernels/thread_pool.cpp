#include "core/kernels/thread_pool.hpp"

#include <hwy/cache_control.h>

#include <algorithm>
#include <chrono>

namespace trellis::kernels {
namespace {

constexpr auto kSpinTime = std::chrono::microseconds(50);

// Calls `ready` until it gives true or the time is up.
template <typename Ready>
bool spin(const Ready& ready) {
  const auto end = std::chrono::steady_clock::now() + kSpinTime;
  do {
    for (int i = 0; i < 32; ++i) {
      if (ready()) return true;
      hwy::Pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return ready();
}

}  // namespace

ThreadPool::ThreadPool(std::size_t threads) {
  for (std::size_t i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    ++jobs_;
  }
  job_opened_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run(std::size_t count, std::size_t grain, const Body& body) {
  grain = std::max<std::size_t>(grain, 1);
  if (workers_.empty() || count <= grain) {
    if (count > 0) body(0, count);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    job_.body = &body;
    job_.count = count;
    job_.grain = grain;
    job_.next = 0;
    open_ = true;
    ++jobs_;
    if (sleeping_ > 0) job_opened_.notify_all();
  }
  take_spans();
  {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  while (!spin([this] { return inside_.load() == 0; })) std::this_thread::yield();
}

void ThreadPool::take_spans() {
  while (true) {
    const std::size_t begin = job_.next.fetch_add(job_.grain);
    if (begin >= job_.count) return;
    (*job_.body)(begin, std::min(begin + job_.grain, job_.count));
  }
}

void ThreadPool::work() {
  std::uint64_t seen = 0;
  const auto opened = [&] { return jobs_.load() != seen; };
  while (true) {
    const bool found = spin(opened);
    {
      std::unique_lock lock(mutex_);
      if (!found) {
        ++sleeping_;
        job_opened_.wait(lock, opened);
        --sleeping_;
      }
      if (stopping_) return;
      seen = jobs_;
      if (!open_) continue;
      ++inside_;
    }
    take_spans();
    --inside_;
  }
}

}  // namespace trellis::kernels
