/// How layers compute for generation: with core/kernels instead of LibTorch's operations, so that
/// the bits of a result depend on its own inputs alone, not on the batch, the threads or the width
/// of the machine's vectors.
///
/// In LibTorch's inference mode layers without weights, and norms, use kernels; layers with weight
/// matrices use them while their network is frozen. Adding and multiplying element by element is
/// left to LibTorch: there is only one way to round that.
#pragma once

#include "core/kernels/activation.hpp"
#include "core/kernels/parallel.hpp"
#include "core/kernels/rows.hpp"
#include "core/nn/torch.hpp"

namespace trellis::nn {

using at::Tensor;

inline bool in_inference() {
  return c10::InferenceMode::is_enabled();
}

/// As many threads as LibTorch has; kept from call to call. For one thread at a time.
kernels::Parallel& kernel_threads();

/// A contiguous float32 tensor // [..., width] as rows; borrowed.
kernels::ConstRows rows_of(const Tensor& x);
kernels::Rows rows_of(Tensor& x);

/// Rows [first, first + count) of a matrix.
inline kernels::ConstRows part_of(kernels::ConstRows rows, std::size_t first, std::size_t count) {
  return {rows.row(first), count, rows.stride};
}
inline kernels::Rows part_of(kernels::Rows rows, std::size_t first, std::size_t count) {
  return {rows.row(first), count, rows.stride};
}

/// A function of every element, by kernels.
Tensor apply_kernel(kernels::Function function, const Tensor& x);

/// at::tanh, in inference mode by kernels.
Tensor tanh(const Tensor& x);

}  // namespace trellis::nn
