/// LibTorch's linear layer, behind a wall: what includes its headers compiles slowly.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

namespace trellis::bench {

/// A call of at::linear on copies of `weights` // [outputs, inputs] and of rows // [rows, inputs].
struct TorchLinear {
  std::function<void()> run;
  const void* weights = nullptr;  ///< its copy
};

/// Empty where the benchmarks are built without LibTorch.
TorchLinear make_torch_linear(std::span<const float> weights, std::span<const float> in,
                              std::size_t inputs, std::size_t threads);

}  // namespace trellis::bench
