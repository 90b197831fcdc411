#include "core/nn/low_rank.hpp"

#include "core/vector_clones.hpp"

namespace trellis::nn {
namespace {

TRELLIS_VECTOR_CLONES void add_scaled(float* __restrict row, const float* __restrict other,
                                      std::size_t count, float factor) {
  for (std::size_t i = 0; i < count; ++i) row[i] += factor * other[i];
}

}  // namespace

void add_low_rank(std::span<float> weights, std::span<const float> up, std::span<const float> down,
                  std::size_t rank, float scale) {
  const std::size_t in = down.size() / rank;
  const std::size_t out = up.size() / rank;
  for (std::size_t row = 0; row < out; ++row)
    for (std::size_t k = 0; k < rank; ++k)
      add_scaled(weights.data() + row * in, down.data() + k * in, in, scale * up[row * rank + k]);
}

}  // namespace trellis::nn
