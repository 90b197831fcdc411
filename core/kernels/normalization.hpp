/// What is computed over one row at a time: norms and softmax. The bits of a row depend on that row
/// alone, so a caller may split rows over threads as it likes.
///
/// Order of summation: 16 interleaved lanes (lane i takes in the elements i, i + 16, ... in order),
/// then lanes i and i + 8, i and i + 4, i + 2, i + 1. With n the row's size and u = 2^-24, a sum is
/// within (n / 16 + 5) u of the sum of sizes of its terms.
#pragma once

#include <span>

#include "core/kernels/rows.hpp"

namespace trellis::kernels {

/// out = (x - mean) / sqrt(variance + epsilon) * weight + bias, the variance being the mean of
/// (x - mean)^2 (Ba, Kiros, Hinton 2016). weight // [size]; bias // [size] or empty;
/// in, out // [rows, size]; `out` may be `in`.
void layer_norm(ConstRows in, std::span<const float> weight, std::span<const float> bias,
                float epsilon, Rows out);

/// out = x / sqrt(mean of x^2 + epsilon) * weight (Zhang and Sennrich 2019). Shapes as above.
void rms_norm(ConstRows in, std::span<const float> weight, float epsilon, Rows out);

/// out = e^(x - maximum) / sum, within (n / 16 + 9) u of the exact probabilities where x - maximum
/// is exact. Of in and out the first `size` floats of each row, at least one. -infinity gets 0. A
/// row with NaN or +infinity, or of nothing but -infinity, becomes NaN. `out` may be `in`.
/// For distributions over a vocabulary, in doubles, see distribution.hpp.
void softmax(ConstRows in, std::size_t size, Rows out);

}  // namespace trellis::kernels
