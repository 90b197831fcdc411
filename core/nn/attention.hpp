/// Attention: multi-head for Transformers, additive and multiplicative for recurrent models.
///
/// Masks are boolean and mark what must NOT be seen; they broadcast to the shape of the scores. No
/// query may have all its keys hidden. Functions over caches are for inference, by kernels.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/kernels/attention.hpp"
#include "core/kernels/kv_cache.hpp"
#include "core/kernels/rotary.hpp"
#include "core/nn/layers.hpp"
#include "core/nn/network.hpp"

namespace trellis::nn {

/// [length, length], true above the diagonal and, with a band, `band` or more places below it: a
/// token sees itself and the band - 1 tokens before it.
Tensor causal_mask(std::int64_t length, std::int64_t band = 0);

/// [rows, length], true behind each row's length.
Tensor padding_mask(const Tensor& lengths, std::int64_t length);

/// How many of the concatenated tokens belong to which cache.
struct CachePart {
  kernels::KvCache* cache = nullptr;  ///< of self-attention: extended by `count` already
  std::size_t count = 0;
};

/// Where the new tokens of all parts stand in their sequences // [tokens]
Tensor places_of(std::span<const CachePart> parts);

struct AttentionShape {
  std::size_t heads = 1;     ///< of queries
  std::size_t kv_heads = 1;  ///< of keys and values; divides heads (Ainslie et al. 2023)
  std::size_t head_size = 1;
  double scale = 0;  ///< of the scores; 0: 1 / sqrt(head_size)

  std::size_t query_width() const { return heads * head_size; }
  std::size_t kv_width() const { return kv_heads * head_size; }
};

/// Rotary positions (Su et al. 2021), pairs being the halves of a head.
struct Rotary {
  std::shared_ptr<const kernels::RotaryTable> table;
  Tensor frequencies;  ///< [head_size / 2], float64
  Rotary() = default;
  /// frequencies // [head_size / 2]: radians a place
  Rotary(const std::vector<double>& frequencies, std::int64_t context);
  /// Turns x // [rows, heads, length, head_size] by the places 0, 1, ...; for training.
  Tensor operator()(const Tensor& x) const;
};

/// Biases of self-attention's scores by the offset of the key from the query.
struct RelativeBias {
  Tensor table;  ///< [heads, before + 1 + after] of the offsets -before ... after; those beyond
                 ///< have that of the nearest. Undefined: none
  std::int64_t before = 0;
  /// For scores of a whole sequence // [heads, length, length]
  Tensor of(std::int64_t length) const;
};

struct RelativePositionOptions {
  std::int64_t heads = 1;
  std::int64_t buckets = 32;        ///< at least 2, of both directions at least 4
  std::int64_t max_distance = 128;  ///< from here on all are one; above `buckets`
  bool both_directions = false;     ///< else no key stands behind its query
};

/// Learned biases of buckets of offsets (Raffel et al. 2020, section 2.1): near offsets have one
/// each, farther ones share buckets that grow with the logarithm. Shared by all layers.
struct RelativePositions {
  Tensor weight;  ///< [buckets, heads]; undefined: no biases
  RelativePositions() = default;
  RelativePositions(Parameters& parameters, const std::string& name,
                    const RelativePositionOptions& options);
  RelativeBias bias() const;

 private:
  Tensor buckets_;  // [before + 1 + after], of the offsets
  std::int64_t before_ = 0;
};

/// A cache for attention of this shape in so many layers.
kernels::KvCache make_cache(std::size_t layers, const AttentionShape& shape);
/// What it costs; a page of it may be used by one state alone.
StateCost cache_cost(std::size_t layers, const AttentionShape& shape);

struct SelfAttentionOptions {
  std::int64_t width = 0;
  std::int64_t heads = 1;             ///< divides width, unless head_size is given
  std::int64_t kv_heads = 0;          ///< 0: heads
  std::int64_t head_size = 0;         ///< 0: width / heads
  double scale = 0;                   ///< of the scores; 0: 1 / sqrt(head_size)
  bool bias = true;                   ///< of queries, keys and values
  std::optional<bool> out_bias = {};  ///< of the output; as `bias` where it is not given
  Init init;
  Init out_init;
  Rotary rotary = {};     ///< without a table: none
  std::int64_t band = 0;  ///< of the caches' rows the last so many are seen; 0: all
  /// Where it is given, each head's query and key go through RMS norms of this epsilon before they
  /// are turned (Henry et al. 2020).
  std::optional<double> head_norm = {};
};

/// Vaswani et al. 2017: softmax(scale Q K^T) V in several heads, of x over itself.
struct SelfAttention {
  Linear query_key_value;  ///< weight // [query_width + 2 * kv_width, width]: in this order
  Linear out;
  AttentionShape shape;
  Rotary rotary;
  std::size_t band = 0;
  RmsNorm query_norm;  ///< without a weight: none; likewise
  RmsNorm key_norm;
  SelfAttention() = default;
  SelfAttention(Parameters& parameters, const std::string& name,
                const SelfAttentionOptions& options);
  /// x // [rows, length, width], mask over [rows, heads, length, length], undefined for none.
  /// `weights` receives the map when it is not null.
  Tensor operator()(const Tensor& x, const Tensor& mask, double dropout, Tensor* weights,
                    const RelativeBias& bias = {}) const;
  /// x // [tokens, width], the new tokens of all parts one after another: their keys and values are
  /// put into the caches. Causal.
  Tensor cached(const Tensor& x, std::span<const CachePart> parts, std::size_t layer,
                const RelativeBias& bias = {}) const;
  /// The same where each token sees all of its part, also what stands behind it; the caches hold
  /// nothing else.
  Tensor both_ways(const Tensor& x, std::span<const CachePart> parts, std::size_t layer) const;

 private:
  Tensor attend_cached(const Tensor& x, std::span<const CachePart> parts, std::size_t layer,
                       bool causal, const RelativeBias& bias) const;
  void normalize_heads(Tensor& projected) const;
  void turn(Tensor& projected, std::span<const CachePart> parts) const;
};

struct CrossAttentionOptions {
  std::int64_t width = 0;
  std::int64_t heads = 1;      ///< divides width, unless head_size is given
  std::int64_t head_size = 0;  ///< 0: width / heads
  double scale = 0;            ///< of the scores; 0: 1 / sqrt(head_size)
  bool bias = true;            ///< of all four layers
  Init init;
};

/// The same of x over another sequence, `memory` // [rows, keys, width].
struct CrossAttention {
  Linear query;
  Linear key_value;  ///< weight // [2 * query_width, width]: keys, values
  Linear out;
  AttentionShape shape;
  CrossAttention() = default;
  CrossAttention(Parameters& parameters, const std::string& name,
                 const CrossAttentionOptions& options);
  Tensor operator()(const Tensor& x, const Tensor& memory, const Tensor& mask, double dropout,
                    Tensor* weights) const;
  /// Puts the keys and values of `memory` // [tokens, width] into the last rows of the caches.
  void store(const Tensor& memory, std::span<const CachePart> parts, std::size_t layer) const;
  /// x // [tokens, width]; each part's cache holds its memory. With `causal` the memory ends at the
  /// last query.
  Tensor cached(const Tensor& x, std::span<const CachePart> parts, std::size_t layer,
                bool causal = false) const;
};

/// Additive attention (Bahdanau, Cho and Bengio 2015): e_j = v . tanh(W_q s + W_k h_j).
struct BahdanauAttention {
  Linear query;  ///< without bias
  Linear key;
  Tensor score;  ///< v // [1, size]
  BahdanauAttention() = default;
  BahdanauAttention(Parameters& parameters, const std::string& name, std::int64_t query_width,
                    std::int64_t memory_width, std::int64_t size);
  /// state // [rows, query_width], keys = key(memory) // [rows, length, size],
  /// mask // [rows, length]. Returns the weights // [rows, length].
  Tensor operator()(const Tensor& state, const Tensor& keys, const Tensor& mask) const;
  /// The weighted sum of what each part's cache has for values // [tokens, memory_width]
  Tensor cached(const Tensor& state, std::span<const CachePart> parts) const;
};

/// Multiplicative attention, "general" (Luong, Pham and Manning 2015): e_j = s . (W_a h_j).
struct LuongAttention {
  Linear key;  ///< W_a, without bias
  LuongAttention() = default;
  LuongAttention(Parameters& parameters, const std::string& name, std::int64_t query_width,
                 std::int64_t memory_width);
  /// states // [rows, queries, query_width], keys // [rows, length, query_width],
  /// mask // [rows, 1, length]. Returns the weights // [rows, queries, length].
  Tensor operator()(const Tensor& states, const Tensor& keys, const Tensor& mask) const;
  /// As above. states // [tokens, query_width]
  Tensor cached(const Tensor& states, std::span<const CachePart> parts) const;
};

/// A cache of one memory for the two above: keys // [length, key_size], values // [length,
/// value_size]
kernels::KvCache make_memory(const Tensor& keys, const Tensor& values);

}  // namespace trellis::nn
