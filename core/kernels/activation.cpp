#include "core/kernels/activation.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/activation.cpp"
#include <hwy/foreach_target.h>

#include "core/kernels/elementary-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace trellis::kernels::HWY_NAMESPACE {
namespace {

HWY_INLINE Vector logistic(Vector x) {
  return scaled_logistic(x, constant(1.0F));
}

HWY_INLINE Vector relu(Vector x) {
  return hn::IfThenElse(hn::Lt(x, constant(0.0F)), constant(0.0F), x);
}

HWY_INLINE Vector silu(Vector x) {
  return scaled_logistic(x, x);
}

HWY_INLINE Vector gelu_erf(Vector x) {
  return hn::Mul(x, normal_distribution(x));
}

HWY_INLINE Vector gelu_tanh(Vector x) {
  constexpr float kLinear = 0x1.988454p+0F;  // sqrt(8 / pi)
  constexpr float kCubic = 0x1.2444f2p-4F;   // sqrt(8 / pi) * 0.044715
  const Vector square = hn::Mul(x, x);
  const Vector v = hn::Mul(x, multiply_add(square, constant(kCubic), constant(kLinear)));
  return scaled_logistic(v, x);
}

template <Vector (*kFunction)(Vector)>
void map(const float* in, float* out, std::size_t size) {
  for (std::size_t i = 0; i < size; i += kWidth) {
    store_first(kFunction(load_first(in + i, size - i)), out + i, size - i);
  }
}

void apply_function(Function function, const float* in, float* out, std::size_t size) {
  switch (function) {
    case Function::exp:
      return map<exponential>(in, out, size);
    case Function::log:
      return map<logarithm>(in, out, size);
    case Function::tanh:
      return map<hyperbolic_tangent>(in, out, size);
    case Function::logistic:
      return map<logistic>(in, out, size);
    case Function::relu:
      return map<relu>(in, out, size);
    case Function::silu:
      return map<silu>(in, out, size);
    case Function::gelu_erf:
      return map<gelu_erf>(in, out, size);
    case Function::gelu_tanh:
      return map<gelu_tanh>(in, out, size);
  }
}

HWY_INLINE Vector gate_times(Vector gate, Vector up) {
  return hn::Mul(silu(gate), up);
}

HWY_INLINE Vector sum(Vector a, Vector b) {
  return hn::Add(a, b);
}

template <Vector (*kFunction)(Vector, Vector)>
void map_pairs(const float* a, const float* b, float* out, std::size_t size) {
  for (std::size_t i = 0; i < size; i += kWidth) {
    const Vector result = kFunction(load_first(a + i, size - i), load_first(b + i, size - i));
    store_first(result, out + i, size - i);
  }
}

void multiply_gated(const float* gate, const float* up, float* out, std::size_t size) {
  map_pairs<gate_times>(gate, up, out, size);
}

void add_pairs(const float* a, const float* b, float* out, std::size_t size) {
  map_pairs<sum>(a, b, out, size);
}

}  // namespace
}  // namespace trellis::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace trellis::kernels {
namespace {

HWY_EXPORT(apply_function);
HWY_EXPORT(multiply_gated);
HWY_EXPORT(add_pairs);

}  // namespace

void apply(Function function, std::span<const float> in, std::span<float> out) {
  HWY_DYNAMIC_DISPATCH(apply_function)(function, in.data(), out.data(), in.size());
}

void swiglu(std::span<const float> gate, std::span<const float> up, std::span<float> out) {
  HWY_DYNAMIC_DISPATCH(multiply_gated)(gate.data(), up.data(), out.data(), gate.size());
}

void add(std::span<const float> a, std::span<const float> b, std::span<float> out) {
  HWY_DYNAMIC_DISPATCH(add_pairs)(a.data(), b.data(), out.data(), a.size());
}

}  // namespace trellis::kernels
#endif
