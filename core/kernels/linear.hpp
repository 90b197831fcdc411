/// Linear layers: y = x W^T + b on weights that are packed once.
///
/// Order of summation: y[r][o] starts as bias[o] (0 without one) and takes in
/// x[r][k] * weight[o][k] for k = 0, 1, 2, ... by one fused multiply-add each. Outputs are what is
/// vectorised, blocked and given to threads; a sum never is, so its bits depend on its row of x,
/// its row of W and its bias alone. Error bound: |y - exact| <= g (|b| + sum |x[k] w[k]|) with g =
/// n u / (1 - n u), u = 2^-24, n = inputs (Higham, Accuracy and Stability of Numerical Algorithms,
/// section 3.1). A NaN stays NaN; its sign and payload are unspecified.
///
/// Weights of fewer bits are first expanded to the floats that they stand for (quantization.hpp), a
/// slice of a panel at a time, which stays in the first-level cache: the result has the bits that
/// these floats give.
#pragma once

#include <cstddef>
#include <span>

#include "core/kernels/packed_weights.hpp"
#include "core/kernels/parallel.hpp"
#include "core/kernels/rows.hpp"

namespace trellis::kernels {

/// out[r][o] = bias[o] + sum over k of in[r][k] * weights[o][k].
/// in // [rows, inputs]; bias // [outputs] or empty; out // [rows, outputs], apart from `in`.
void linear(ConstRows in, const PackedWeights& weights, std::span<const float> bias, Rows out,
            Parallel& parallel);

}  // namespace trellis::kernels
