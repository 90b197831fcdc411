/// Linear layers: y = x W^T + b on weights that are packed once.
///
/// Order of summation: y[r][o] starts as bias[o] (0 without one) and takes in
/// x[r][k] * weight[o][k] for k = 0, 1, 2, ... by one fused multiply-add each. Outputs are what is
/// vectorised, blocked and given to threads; a sum never is, so its bits depend on its row of x,
/// its row of W and its bias alone. Error bound: |y - exact| <= g (|b| + sum |x[k] w[k]|) with g =
/// n u / (1 - n u), u = 2^-24, n = inputs (Higham, Accuracy and Stability of Numerical Algorithms,
/// section 3.1). A NaN stays NaN; its sign and payload are unspecified.
///
/// Layout: panels of 32 outputs. A panel holds for each k the 32 weights side by side, so that a
/// vector of outputs is loaded with one instruction in targets of any width. The last panel is
/// filled up with zeros.
#pragma once

#include <cstddef>
#include <span>

#include "core/kernels/large_array.hpp"
#include "core/kernels/parallel.hpp"
#include "core/kernels/rows.hpp"

namespace trellis::kernels {

/// The weights of one layer. Immutable once made, so any number of threads may use them.
class PackedWeights {
 public:
  static constexpr std::size_t kPanel = 32;

  PackedWeights() = default;
  /// weights // [outputs, inputs], row-major; copied.
  PackedWeights(std::span<const float> weights, std::size_t outputs, std::size_t inputs);

  std::size_t outputs() const { return outputs_; }
  std::size_t inputs() const { return inputs_; }
  std::size_t panels() const { return (outputs_ + kPanel - 1) / kPanel; }
  std::size_t bytes() const { return panels() * kPanel * inputs_ * sizeof(float); }

  /// The weights of one output, as an embedding that is tied to a head needs them. out // [inputs]
  void read_row(std::size_t output, std::span<float> out) const;

  const float* panel(std::size_t index) const { return data_.data() + index * kPanel * inputs_; }

 private:
  std::size_t outputs_ = 0;
  std::size_t inputs_ = 0;
  LargeArray data_;
};

/// out[r][o] = bias[o] + sum over k of in[r][k] * weights[o][k].
/// in // [rows, inputs]; bias // [outputs] or empty; out // [rows, outputs], apart from `in`.
void linear(ConstRows in, const PackedWeights& weights, std::span<const float> bias, Rows out,
            Parallel& parallel);

}  // namespace trellis::kernels
