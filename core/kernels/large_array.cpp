#include "core/kernels/large_array.hpp"

#include <cstdlib>
#include <cstring>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace trellis::kernels {
namespace {

constexpr std::size_t kCacheLine = 64;
constexpr std::size_t kLargePage = 2 << 20;

}  // namespace

LargeArray::LargeArray(std::size_t size) : size_(size) {
  const std::size_t alignment = size * sizeof(float) < kLargePage ? kCacheLine : kLargePage;
  const std::size_t bytes = (size * sizeof(float) + alignment - 1) / alignment * alignment;
  data_.reset(static_cast<float*>(std::aligned_alloc(alignment, bytes)));
  if (data_ == nullptr && bytes > 0) throw std::bad_alloc();
#ifdef __linux__
  // A wish: where it is not granted, everything works the same.
  if (alignment == kLargePage) madvise(data_.get(), bytes, MADV_HUGEPAGE);
#endif
  std::memset(data_.get(), 0, bytes);
}

void LargeArray::Free::operator()(float* data) const {
  std::free(data);
}

}  // namespace trellis::kernels
