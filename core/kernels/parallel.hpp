/// How kernels are given threads: the caller hands in one of these. A kernel splits its outputs and
/// never a sum, so results do not depend on the number of threads or on who computes what.
#pragma once

#include <cstddef>
#include <functional>

namespace trellis::kernels {

class Parallel {
 public:
  /// Works on items [begin, end). Must not throw, and must not use the same Parallel.
  using Body = std::function<void(std::size_t begin, std::size_t end)>;

  virtual ~Parallel() = default;

  /// The most threads that work at once, the caller's included; at least 1.
  virtual std::size_t threads() const = 0;

  /// Covers [0, count) by spans, each given to `body` once, from any thread; returns when all are
  /// done. A span has `grain` items or more, save the last. One caller at a time.
  virtual void run(std::size_t count, std::size_t grain, const Body& body) = 0;
};

/// The caller's thread alone.
class Sequential final : public Parallel {
 public:
  std::size_t threads() const override { return 1; }
  void run(std::size_t count, std::size_t, const Body& body) override {
    if (count > 0) body(0, count);
  }
};

}  // namespace trellis::kernels
