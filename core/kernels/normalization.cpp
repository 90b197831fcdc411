#include "core/kernels/normalization.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/normalization.cpp"
#include <hwy/foreach_target.h>

#include "core/kernels/elementary-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace trellis::kernels::HWY_NAMESPACE {
namespace {

constexpr float kLowest = -std::numeric_limits<float>::infinity();

std::size_t whole_of(std::size_t size) {
  return size / kLanes * kLanes;
}

float sum_of(const float* x, std::size_t size) {
  Lanes sums = all_lanes(0);
  const auto take = [&](const Lanes& lanes) HWY_ATTR {
    for (std::size_t i = 0; i < kParts; ++i) sums.part[i] = hn::Add(sums.part[i], lanes.part[i]);
  };
  const std::size_t whole = whole_of(size);
  for (std::size_t i = 0; i < whole; i += kLanes) take(load_lanes(x + i));
  if (whole < size) take(load_some_lanes(x + whole, size - whole, 0));
  return tree_sum(sums);
}

// Sum of (x - center)^2.
float squares_of(const float* x, std::size_t size, float center) {
  const Vector middle = constant(center);
  Lanes sums = all_lanes(0);
  const auto take = [&](const Lanes& lanes) HWY_ATTR {
    for (std::size_t i = 0; i < kParts; ++i) {
      const Vector distance = hn::Sub(lanes.part[i], middle);
      sums.part[i] = multiply_add(distance, distance, sums.part[i]);
    }
  };
  const std::size_t whole = whole_of(size);
  for (std::size_t i = 0; i < whole; i += kLanes) take(load_lanes(x + i));
  if (whole < size) take(load_some_lanes(x + whole, size - whole, center));
  return tree_sum(sums);
}

// NaN may get lost; the powers that follow find it.
float maximum_of(const float* x, std::size_t size) {
  Lanes greatest = all_lanes(kLowest);
  const auto take = [&](const Lanes& lanes) HWY_ATTR {
    for (std::size_t i = 0; i < kParts; ++i) {
      greatest.part[i] = hn::Max(greatest.part[i], lanes.part[i]);
    }
  };
  const std::size_t whole = whole_of(size);
  for (std::size_t i = 0; i < whole; i += kLanes) take(load_lanes(x + i));
  if (whole < size) take(load_some_lanes(x + whole, size - whole, kLowest));
  float all[kLanes];
  store_lanes(greatest, all);
  return *std::max_element(all, all + kLanes);
}

// out = ((x - center) * scale) * weight + bias
void scale_row(const float* x, std::size_t size, float center, float scale, const float* weight,
               const float* bias, float* out) {
  for (std::size_t i = 0; i < size; i += kWidth) {
    const std::size_t rest = size - i;
    const Vector distance = hn::Sub(load_first(x + i, rest), constant(center));
    const Vector added = bias == nullptr ? constant(0) : load_first(bias + i, rest);
    const Vector scaled = hn::Mul(distance, constant(scale));
    store_first(multiply_add(scaled, load_first(weight + i, rest), added), out + i, rest);
  }
}

void layer_norm_rows(const ConstRows& in, std::size_t size, const float* weight, const float* bias,
                     float epsilon, const Rows& out) {
  const auto count = static_cast<float>(size);
  for (std::size_t r = 0; r < in.count; ++r) {
    const float mean = sum_of(in.row(r), size) / count;
    const float variance = squares_of(in.row(r), size, mean) / count;
    scale_row(in.row(r), size, mean, 1.0F / std::sqrt(variance + epsilon), weight, bias,
              out.row(r));
  }
}

void rms_norm_rows(const ConstRows& in, std::size_t size, const float* weight, float epsilon,
                   const Rows& out) {
  const auto count = static_cast<float>(size);
  for (std::size_t r = 0; r < in.count; ++r) {
    const float mean = squares_of(in.row(r), size, 0) / count;
    scale_row(in.row(r), size, 0, 1.0F / std::sqrt(mean + epsilon), weight, nullptr, out.row(r));
  }
}

void softmax_rows(const ConstRows& in, std::size_t size, const Rows& out) {
  const std::size_t whole = whole_of(size);
  for (std::size_t r = 0; r < in.count; ++r) {
    const float* x = in.row(r);
    float* y = out.row(r);
    const Vector maximum = constant(maximum_of(x, size));
    Lanes sums = all_lanes(0);
    const auto power = [&](Lanes lanes) HWY_ATTR {
      for (std::size_t i = 0; i < kParts; ++i) {
        lanes.part[i] = exponential(hn::Sub(lanes.part[i], maximum));
        sums.part[i] = hn::Add(sums.part[i], lanes.part[i]);
      }
      return lanes;
    };
    for (std::size_t i = 0; i < whole; i += kLanes) store_lanes(power(load_lanes(x + i)), y + i);
    if (whole < size) {
      store_some_lanes(power(load_some_lanes(x + whole, size - whole, kLowest)), y + whole,
                       size - whole);
    }
    const float sum = tree_sum(sums);
    for (std::size_t i = 0; i < size; i += kWidth) {
      store_first(hn::Div(load_first(y + i, size - i), constant(sum)), y + i, size - i);
    }
  }
}

}  // namespace
}  // namespace trellis::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace trellis::kernels {
namespace {

HWY_EXPORT(layer_norm_rows);
HWY_EXPORT(rms_norm_rows);
HWY_EXPORT(softmax_rows);

}  // namespace

void layer_norm(ConstRows in, std::span<const float> weight, std::span<const float> bias,
                float epsilon, Rows out) {
  const float* added = bias.empty() ? nullptr : bias.data();
  HWY_DYNAMIC_DISPATCH(layer_norm_rows)(in, weight.size(), weight.data(), added, epsilon, out);
}

void rms_norm(ConstRows in, std::span<const float> weight, float epsilon, Rows out) {
  HWY_DYNAMIC_DISPATCH(rms_norm_rows)(in, weight.size(), weight.data(), epsilon, out);
}

void softmax(ConstRows in, std::size_t size, Rows out) {
  HWY_DYNAMIC_DISPATCH(softmax_rows)(in, size, out);
}

}  // namespace trellis::kernels
#endif
