/// The keys and values that attention has seen, one row a token, and attention over them.
///
/// For inference only. A ragged batch of states has no common shape, so attention runs state by
/// state; plain loops do that with less overhead than LibTorch operations on tiny tensors.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace trellis::nn {

/// The cache of one state over all layers. Copies share their rows until one of them grows into
/// the other's place, so forking costs nothing.
class KvCache {
 public:
  /// `width`: floats in a key, that is heads * head_size.
  KvCache(std::size_t layers, std::size_t width);

  std::size_t length() const { return length_; }
  std::size_t width() const { return width_; }

  /// Makes room for `count` more rows in every layer; they must then be filled.
  void extend(std::size_t count);

  /// Rows of one layer, [length, 2, width]: key, then value. Valid until the next extend() of any
  /// cache that shares the rows.
  float* rows(std::size_t layer) { return rows_->layers[layer].data(); }
  const float* rows(std::size_t layer) const { return rows_->layers[layer].data(); }

 private:
  struct Rows {
    std::vector<std::vector<float>> layers;
    std::size_t used = 0;  // how many rows have an owner
  };
  std::size_t width_;
  std::size_t length_ = 0;
  std::shared_ptr<Rows> rows_;
};

struct AttentionShape {
  std::size_t heads = 1;
  std::size_t head_size = 1;
};

/// Scaled dot-product attention (Vaswani et al. 2017) of `count` queries over `length` cached rows:
///   out_i = sum_t softmax_t(q_i . k_t / sqrt(head_size)) v_t
/// With `causal`, query i sees the first length - count + i + 1 rows. queries and out:
/// [count, heads * head_size], query i at queries + i * query_stride.
void attend_rows(const AttentionShape& shape, const float* rows, std::size_t length,
                 const float* queries, std::size_t query_stride, std::size_t count, bool causal,
                 float* out);

}  // namespace trellis::nn
