#include "core/kernels/recurrent_cell.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/recurrent_cell.cpp"
#include <hwy/foreach_target.h>

#include "core/kernels/elementary-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace trellis::kernels::HWY_NAMESPACE {
namespace {

HWY_INLINE Vector logistic(Vector x) {
  return scaled_logistic(x, constant(1.0F));
}

// What a gate is before its function: the sum of the two linear layers.
HWY_INLINE Vector gate_sum(const float* from_input, const float* from_hidden, std::size_t place,
                           std::size_t rest) {
  return hn::Add(load_first(from_input + place, rest), load_first(from_hidden + place, rest));
}

void rnn_rows(const ConstRows& from_input, const ConstRows& from_hidden, std::size_t size,
              const Rows& out) {
  for (std::size_t r = 0; r < from_input.count; ++r) {
    const float* x = from_input.row(r);
    const float* h = from_hidden.row(r);
    for (std::size_t i = 0; i < size; i += kWidth) {
      store_first(hyperbolic_tangent(gate_sum(x, h, i, size - i)), out.row(r) + i, size - i);
    }
  }
}

void lstm_rows(const ConstRows& from_input, const ConstRows& from_hidden, std::size_t size,
               const Rows& cell, const Rows& out) {
  for (std::size_t r = 0; r < from_input.count; ++r) {
    const float* x = from_input.row(r);
    const float* h = from_hidden.row(r);
    for (std::size_t i = 0; i < size; i += kWidth) {
      const std::size_t rest = size - i;
      const Vector input = logistic(gate_sum(x, h, i, rest));
      const Vector forget = logistic(gate_sum(x, h, size + i, rest));
      const Vector candidate = hyperbolic_tangent(gate_sum(x, h, 2 * size + i, rest));
      const Vector output = logistic(gate_sum(x, h, 3 * size + i, rest));
      float* place = cell.row(r) + i;
      const Vector kept = multiply_add(forget, load_first(place, rest), hn::Mul(input, candidate));
      store_first(kept, place, rest);
      store_first(hn::Mul(output, hyperbolic_tangent(kept)), out.row(r) + i, rest);
    }
  }
}

void gru_rows(const ConstRows& from_input, const ConstRows& from_hidden, std::size_t size,
              const ConstRows& hidden, const Rows& out) {
  for (std::size_t r = 0; r < from_input.count; ++r) {
    const float* x = from_input.row(r);
    const float* h = from_hidden.row(r);
    for (std::size_t i = 0; i < size; i += kWidth) {
      const std::size_t rest = size - i;
      const Vector reset = logistic(gate_sum(x, h, i, rest));
      const Vector update = logistic(gate_sum(x, h, size + i, rest));
      const Vector candidate = hyperbolic_tangent(multiply_add(
          reset, load_first(h + 2 * size + i, rest), load_first(x + 2 * size + i, rest)));
      const Vector distance = hn::Sub(load_first(hidden.row(r) + i, rest), candidate);
      store_first(multiply_add(update, distance, candidate), out.row(r) + i, rest);
    }
  }
}

}  // namespace
}  // namespace trellis::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace trellis::kernels {
namespace {

HWY_EXPORT(rnn_rows);
HWY_EXPORT(lstm_rows);
HWY_EXPORT(gru_rows);

}  // namespace

void rnn_cell(ConstRows from_input, ConstRows from_hidden, std::size_t size, Rows out) {
  HWY_DYNAMIC_DISPATCH(rnn_rows)(from_input, from_hidden, size, out);
}

void lstm_cell(ConstRows from_input, ConstRows from_hidden, std::size_t size, Rows cell, Rows out) {
  HWY_DYNAMIC_DISPATCH(lstm_rows)(from_input, from_hidden, size, cell, out);
}

void gru_cell(ConstRows from_input, ConstRows from_hidden, std::size_t size, ConstRows hidden,
              Rows out) {
  HWY_DYNAMIC_DISPATCH(gru_rows)(from_input, from_hidden, size, hidden, out);
}

}  // namespace trellis::kernels
#endif
