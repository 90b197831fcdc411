#include "tests/bench/torch_linear.hpp"

#include <benchmark/benchmark.h>
#include <torch/torch.h>

#include <memory>

namespace trellis::bench {
namespace {

torch::Tensor tensor_of(std::span<const float> floats, std::size_t columns) {
  const auto width = static_cast<std::int64_t>(columns);
  const auto rows = static_cast<std::int64_t>(floats.size()) / width;
  return torch::from_blob(const_cast<float*>(floats.data()), {rows, width}).clone();  // NOLINT
}

}  // namespace

TorchLinear make_torch_linear(std::span<const float> weights, std::span<const float> in,
                              std::size_t inputs, std::size_t threads) {
  torch::set_num_threads(static_cast<int>(threads));
  const torch::Tensor matrix = tensor_of(weights, inputs);
  const torch::Tensor rows = tensor_of(in, inputs);
  return {[matrix, rows] {
            const torch::InferenceMode no_gradients;
            benchmark::DoNotOptimize(at::linear(rows, matrix).data_ptr());
          },
          matrix.data_ptr()};
}

}  // namespace trellis::bench
