/// What recurrent cells do after their linear layers. Equations and gate order are torch's.
///
/// Elementwise, so a caller may split the rows over threads as it likes; the bits of one element
/// depend on its own inputs alone. Sums of gates are rounded before their function. A product and
/// the sum that it goes into are one fused multiply-add; in c' the first product is fused. NaN in
/// an element's inputs gives NaN in what depends on them.
#pragma once

#include <cstddef>

#include "core/kernels/rows.hpp"

namespace trellis::kernels {

/// h' = tanh(x + h): x and h are W_ih x + b_ih and W_hh h + b_hh // [rows, size]; out // [rows,
/// size] and may be one of them. (Elman 1990) Within 2 ulp and the rounding of the sum.
void rnn_cell(ConstRows from_input, ConstRows from_hidden, std::size_t size, Rows out);

/// Gates i, f, g, o // [rows, 4 * size]: c' = sigmoid(f) c + sigmoid(i) tanh(g), h' = sigmoid(o)
/// tanh(c'). cell // [rows, size], changed in place; out // [rows, size], apart from the others.
/// (Hochreiter and Schmidhuber 1997)
void lstm_cell(ConstRows from_input, ConstRows from_hidden, std::size_t size, Rows cell, Rows out);

/// Gates r, z, n // [rows, 3 * size]: n' = tanh(n_x + sigmoid(r) n_h), h' = n' + sigmoid(z) (h -
/// n'). hidden // [rows, size] before the step; out // [rows, size] may be hidden, and is apart
/// from the gates. (Cho et al. 2014)
void gru_cell(ConstRows from_input, ConstRows from_hidden, std::size_t size, ConstRows hidden,
              Rows out);

}  // namespace trellis::kernels
