#include "core/nn/inference.hpp"

#include <memory>

#include "core/kernels/thread_pool.hpp"

namespace trellis::nn {
namespace {

// Fewer floats than this are done before a second thread has heard of them.
constexpr std::size_t kGrain = 16384;

}  // namespace

kernels::Parallel& kernel_threads() {
  static std::unique_ptr<kernels::ThreadPool> pool;
  const auto threads = static_cast<std::size_t>(at::get_num_threads());
  if (pool == nullptr || pool->threads() != threads)
    pool = std::make_unique<kernels::ThreadPool>(threads);
  return *pool;
}

kernels::ConstRows rows_of(const Tensor& x) {
  const auto width = static_cast<std::size_t>(x.size(-1));
  return {x.data_ptr<float>(), static_cast<std::size_t>(x.numel()) / width, width};
}

kernels::Rows rows_of(Tensor& x) {
  const auto width = static_cast<std::size_t>(x.size(-1));
  return {x.data_ptr<float>(), static_cast<std::size_t>(x.numel()) / width, width};
}

Tensor apply_kernel(kernels::Function function, const Tensor& x) {
  Tensor result = at::empty(x.sizes());
  const Tensor in = x.contiguous();
  const std::span from(in.data_ptr<float>(), static_cast<std::size_t>(in.numel()));
  const std::span to(result.data_ptr<float>(), from.size());
  kernel_threads().run(from.size(), kGrain, [&](std::size_t begin, std::size_t end) {
    kernels::apply(function, from.subspan(begin, end - begin), to.subspan(begin, end - begin));
  });
  return result;
}

Tensor tanh(const Tensor& x) {
  return in_inference() ? apply_kernel(kernels::Function::tanh, x) : at::tanh(x);
}

}  // namespace trellis::nn
