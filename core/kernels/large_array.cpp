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
  const std::size_t bytes = size * sizeof(float);
  const std::size_t whole_pages = bytes / kLargePage * kLargePage;
  void* memory = nullptr;
  if (posix_memalign(&memory, whole_pages > 0 ? kLargePage : kCacheLine, bytes) != 0)
    throw std::bad_alloc();
  data_.reset(static_cast<float*>(memory));
#ifdef __linux__
  // A wish: where it is not granted, everything works the same. The rest is left to small pages, or
  // a layer would take a megabyte more than it has.
  if (whole_pages > 0) madvise(memory, whole_pages, MADV_HUGEPAGE);
#endif
  if (bytes > 0) std::memset(memory, 0, bytes);
}

void LargeArray::Free::operator()(float* data) const {
  std::free(data);
}

}  // namespace trellis::kernels
