#include "core/nn/kv_cache.hpp"

#include <algorithm>
#include <cmath>

#include "core/nn/vector_clones.hpp"

namespace trellis::nn {
namespace {

constexpr std::size_t kLanes = 16;  // partial sums, in a fixed order whatever the CPU

inline float dot(const float* __restrict a, const float* __restrict b, std::size_t count) {
  float sums[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  for (; i < count; ++i) sums[i % kLanes] += a[i] * b[i];
  for (std::size_t half = kLanes / 2; half > 0; half /= 2)
    for (std::size_t lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
  return sums[0];
}

inline void add_scaled(const float* __restrict values, float factor, std::size_t count,
                       float* __restrict out) {
  for (std::size_t i = 0; i < count; ++i) out[i] += factor * values[i];
}

// One query of one head. `keys` is the head's part of the first row; the values lie `width` after.
TRELLIS_VECTOR_CLONES void attend_head(const float* query, const float* keys, std::size_t visible,
                                       std::size_t width, std::size_t head_size, float* weights,
                                       float* out) {
  const float scale = 1.0F / std::sqrt(static_cast<float>(head_size));
  float highest = -INFINITY;
  for (std::size_t t = 0; t < visible; ++t) {
    weights[t] = scale * dot(query, keys + 2 * t * width, head_size);
    highest = std::max(highest, weights[t]);
  }
  float total = 0;
  for (std::size_t t = 0; t < visible; ++t) {
    weights[t] = std::exp(weights[t] - highest);
    total += weights[t];
  }
  std::fill_n(out, head_size, 0.0F);
  for (std::size_t t = 0; t < visible; ++t)
    add_scaled(keys + (2 * t + 1) * width, weights[t] / total, head_size, out);
}

}  // namespace

KvCache::KvCache(std::size_t layers, std::size_t width)
    : width_(width), rows_(std::make_shared<Rows>()) {
  rows_->layers.resize(layers);
}

void KvCache::extend(std::size_t count) {
  const std::size_t row = 2 * width_;
  if (rows_->used != length_) {  // a fork has already grown into the next row
    auto own = std::make_shared<Rows>();
    for (const std::vector<float>& layer : rows_->layers)
      own->layers.emplace_back(layer.begin(),
                               layer.begin() + static_cast<std::ptrdiff_t>(length_ * row));
    rows_ = std::move(own);
  }
  length_ += count;
  rows_->used = length_;
  for (std::vector<float>& layer : rows_->layers) layer.resize(length_ * row);
}

void attend_rows(const AttentionShape& shape, const float* rows, std::size_t length,
                 const float* queries, std::size_t query_stride, std::size_t count, bool causal,
                 float* out) {
  const std::size_t width = shape.heads * shape.head_size;
  std::vector<float> weights(length);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t visible = causal ? length - count + i + 1 : length;
    for (std::size_t head = 0; head < shape.heads; ++head) {
      const std::size_t offset = head * shape.head_size;
      attend_head(queries + i * query_stride + offset, rows + offset, visible, width,
                  shape.head_size, weights.data(), out + i * width + offset);
    }
  }
}

}  // namespace trellis::nn
