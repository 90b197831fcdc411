/// Memory for what is streamed through again and again: aligned, and in large pages where the
/// system gives them, so that looking up addresses does not slow reading down.
#pragma once

#include <cstddef>
#include <memory>

namespace trellis::kernels {

/// A fixed number of floats, zero at first. Throws std::bad_alloc.
class LargeArray {
 public:
  LargeArray() = default;
  explicit LargeArray(std::size_t size);

  std::size_t size() const { return size_; }
  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }

 private:
  struct Free {
    void operator()(float* data) const;
  };
  std::size_t size_ = 0;
  std::unique_ptr<float[], Free> data_;
};

}  // namespace trellis::kernels
