/// Functions of one float, applied to each of many. Elementwise, so a caller may split the floats
/// over threads as it likes; the bits of one depend on that float alone.
#pragma once

#include <span>

namespace trellis::kernels {

/// Error bounds are in units in the last place (ulp) of the exact result, for every float; where it
/// or a factor of it lies below 2^-126, the error may also be max(1, |x|) 2^-149. NaN gives NaN.
enum class Function {
  exp,        ///< e^x: 1.1 ulp
  log,        ///< natural logarithm: 1.5 ulp; 0 gives -infinity, what is below NaN
  tanh,       ///< 2 ulp
  logistic,   ///< 1 / (1 + e^-x): 3 ulp
  relu,       ///< max(x, 0): exact
  silu,       ///< x / (1 + e^-x), Elfwing et al. 2017: 4 ulp; -infinity gives NaN
  gelu_erf,   ///< x F(x), F the standard normal distribution's, Hendrycks and Gimpel 2016: 5 ulp;
              ///< -infinity gives NaN
  gelu_tanh,  ///< x / 2 (1 + tanh(v / 2)), v = sqrt(8 / pi) (x + 0.044715 x^3), the same paper's
              ///< approximation: 5 + 4 |v| ulp, as errors of v are magnified; -infinity gives NaN
};

/// out[i] = function(in[i]). Sizes are equal; `out` may be `in`.
void apply(Function function, std::span<const float> in, std::span<float> out);

/// out[i] = silu(gate[i]) * up[i], Shazeer 2020. Sizes are equal; `out` may be one of the inputs.
void swiglu(std::span<const float> gate, std::span<const float> up, std::span<float> out);

/// out[i] = a[i] + b[i], as for residuals. Sizes are equal; `out` may be one of the inputs.
void add(std::span<const float> a, std::span<const float> b, std::span<float> out);

}  // namespace trellis::kernels
