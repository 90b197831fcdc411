#include "core/kernels/rotary.hpp"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/rotary.cpp"
#include <hwy/foreach_target.h>

#include "core/kernels/vector-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace trellis::kernels::HWY_NAMESPACE {
namespace {

// (a, b) becomes (a cos - b sin, a sin + b cos).
HWY_INLINE void turn(Vector& a, Vector& b, Vector cosine, Vector sine) {
  const Vector turned = multiply_add(a, cosine, hn::Neg(hn::Mul(b, sine)));
  b = multiply_add(a, sine, hn::Mul(b, cosine));
  a = turned;
}

void turn_halves(float* x, std::size_t half, const float* cosines, const float* sines) {
  for (std::size_t i = 0; i < half; i += kWidth) {
    const std::size_t rest = half - i;
    Vector a = load_first(x + i, rest);
    Vector b = load_first(x + half + i, rest);
    turn(a, b, load_first(cosines + i, rest), load_first(sines + i, rest));
    store_first(a, x + i, rest);
    store_first(b, x + half + i, rest);
  }
}

void turn_neighbours(float* x, std::size_t half, const float* cosines, const float* sines) {
  const Floats d;
  for (std::size_t i = 0; i < half; i += kWidth) {
    const std::size_t rest = std::min(half - i, kWidth);
    float padded[2 * kWidth] = {};
    float* pairs = x + 2 * i;
    if (rest < kWidth) {
      std::copy_n(pairs, 2 * rest, padded);
      pairs = padded;
    }
    Vector a;
    Vector b;
    hn::LoadInterleaved2(d, pairs, a, b);
    turn(a, b, load_first(cosines + i, rest), load_first(sines + i, rest));
    hn::StoreInterleaved2(a, b, d, pairs);
    if (rest < kWidth) std::copy_n(padded, 2 * rest, x + 2 * i);
  }
}

void turn_row(float* x, std::size_t heads, std::size_t head_size, std::size_t half,
              RotaryPairs pairs, const float* cosines, const float* sines) {
  const auto turn_head = pairs == RotaryPairs::halves ? turn_halves : turn_neighbours;
  for (std::size_t h = 0; h < heads; ++h) turn_head(x + h * head_size, half, cosines, sines);
}

}  // namespace
}  // namespace trellis::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace trellis::kernels {
namespace {

HWY_EXPORT(turn_row);

}  // namespace

RotaryTable::RotaryTable(std::span<const double> frequencies, std::size_t context,
                         RotaryPairs pairs)
    : half_(frequencies.size()), context_(context), pairs_(pairs) {
  cosines_.reserve(context * half_);
  sines_.reserve(context * half_);
  for (std::size_t place = 0; place < context; ++place) {
    for (const double frequency : frequencies) {
      const double angle = static_cast<double>(place) * frequency;
      cosines_.push_back(static_cast<float>(std::cos(angle)));
      sines_.push_back(static_cast<float>(std::sin(angle)));
    }
  }
}

void RotaryTable::apply(std::span<const std::int32_t> places, std::size_t heads,
                        std::size_t head_size, Rows x) const {
  for (std::size_t r = 0; r < places.size(); ++r) {
    const std::size_t begin = static_cast<std::size_t>(places[r]) * half_;
    HWY_DYNAMIC_DISPATCH(turn_row)
    (x.row(r), heads, head_size, half_, pairs_, cosines_.data() + begin, sines_.data() + begin);
  }
}

std::vector<double> rotary_frequencies(double base, std::size_t size) {
  std::vector<double> frequencies(size / 2);
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    frequencies[i] = std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(size));
  }
  return frequencies;
}

}  // namespace trellis::kernels
#endif
