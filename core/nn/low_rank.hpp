/// The arithmetic of low-rank changes (LoRA, Hu et al. 2021), on plain float arrays.
#pragma once

#include <cstddef>
#include <span>

namespace trellis::nn {

/// weights += scale * up down, weights // [out, in], up // [out, rank], down // [rank, in]. Every
/// sum goes through the rank in order, without contraction, so the bits are the same on any machine
/// and with any width of vectors.
void add_low_rank(std::span<float> weights, std::span<const float> up, std::span<const float> down,
                  std::size_t rank, float scale);

}  // namespace trellis::nn
