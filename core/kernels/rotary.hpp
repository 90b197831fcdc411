/// Rotary positions (Su et al. 2021): pairs of a head's dimensions turned by angles that grow with
/// the place in the sequence.
///
/// A pair (a, b) becomes (a cos - b sin, a sin + b cos): the product with b is rounded, the one
/// with a and the sum are one fused multiply-add. Each result is within 4 u (|a| + |b|), u = 2^-24,
/// of the exact one for the given frequencies. NaN in one of a pair gives NaN in both.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/kernels/rows.hpp"

namespace trellis::kernels {

/// Which dimensions form a pair: i with i + size / 2 (Llama's checkpoints, GPT-NeoX), or 2 i with
/// 2 i + 1 (the paper, GPT-J).
enum class RotaryPairs { halves, neighbours };

/// Sines and cosines of all places up to a context, made once in double precision by the C library
/// and rounded to float. Immutable, so any number of threads may use it.
class RotaryTable {
 public:
  RotaryTable() = default;
  /// frequencies // [size / 2]: radians a place, usually base^(-2 i / size)
  RotaryTable(std::span<const double> frequencies, std::size_t context, RotaryPairs pairs);

  std::size_t size() const { return 2 * half_; }  ///< dimensions that are turned
  std::size_t context() const { return context_; }

  /// Turns the first size() dimensions of each of `heads` heads of head_size floats in place. The
  /// others stay. Every place lies in [0, context()); x // [places.size(), heads * head_size]
  void apply(std::span<const std::int32_t> places, std::size_t heads, std::size_t head_size,
             Rows x) const;

 private:
  std::size_t half_ = 0;
  std::size_t context_ = 0;
  RotaryPairs pairs_ = RotaryPairs::halves;
  std::vector<float> cosines_;  // [context, half]
  std::vector<float> sines_;
};

/// base^(-2 i / size) for i < size / 2.
std::vector<double> rotary_frequencies(double base, std::size_t size);

}  // namespace trellis::kernels
