/// Attention over cached keys and values: causal, banded, grouped queries, cross, with biases by
/// distance.
///
///   out = sum over t of w_t v_t,  w = softmax over t of scale * (q . k_t) + bias(t - place of q)
///   (Vaswani et al. 2017; with biases Raffel et al. 2020)
///
/// Order of summation, for each query and head: a score takes in q[i] * k_t[i] for i = 0, 1, ... by
/// fused multiply-adds, is then scaled, and then the bias is added; the greatest score m is exact;
/// e_t = exp(score - m); the sum of all e_t is kept in 16 interleaved lanes by t modulo 16, then a
/// fixed tree; out takes in e_t * v_t for t in ascending order by fused multiply-adds and is
/// divided by the sum at its end. The bits depend on the query and on the rows that it sees alone:
/// not on what else is in the batch, on how rows came into the cache, on threads or on the target.
///
/// Error: with n rows seen, S the greatest of scale * sum |q[i] k_t[i]| + |bias|, u = 2^-24,
/// |out - exact| <= (2 (key_size + 4) S + 1.1 n + 12) u * (sum of w_t |v_t|), and half as much
/// again where the target has no fused multiply-add.
///
/// NaN: a score that is NaN or +infinity, or nothing but scores of -infinity, makes the whole
/// result of its query NaN. NaN in a value makes that dimension NaN for all queries that see it.
/// What is not seen changes nothing, whatever it holds.
#pragma once

#include <cstddef>
#include <span>

#include "core/kernels/kv_cache.hpp"
#include "core/kernels/parallel.hpp"
#include "core/kernels/rows.hpp"

namespace trellis::kernels {

/// What is added to scores by the row of the key less the place of the query; the places of queries
/// are those of the cache's last `count` rows.
struct RelativeBias {
  /// [query_heads, before + 1 + after], without gaps: of the offsets -before ... after; those
  /// beyond have that of the nearest. Without rows nothing is added.
  ConstRows table = {};
  std::size_t before = 0;
};

struct AttentionShape {
  std::size_t query_heads = 1;  ///< a multiple of the cache's heads; query head h reads h / group
  float scale = 1;              ///< usually 1 / sqrt(key_size)
  bool causal = true;           ///< query i sees the rows up to length - count + i; else all
  std::size_t band = 0;         ///< of those only the last `band`; 0: all. Causal only.
  RelativeBias bias = {};       ///< of self-attention
};

/// The queries of one sequence over its cache. With `causal`, the cache already holds the queries'
/// own rows as its last `count`.
struct AttentionPart {
  const KvCache* cache = nullptr;  ///< at least one row
  ConstRows queries;               ///< [count, query_heads * key_size]
  Rows out;                        ///< [count, query_heads * value_size]
};

/// Attention of one layer for many sequences at once. The caches have the same shape; results go to
/// rows apart from everything else.
void attend(const AttentionShape& shape, std::size_t layer, std::span<const AttentionPart> parts,
            Parallel& parallel);

/// The weights of one head's queries instead of their result, for explaining. weights //
/// [count, cache.length()], 0 where nothing is seen.
void attention_weights(const AttentionShape& shape, std::size_t layer, std::size_t query_head,
                       const AttentionPart& part, Rows weights);

/// Additive attention (Bahdanau, Cho and Bengio 2015) over a cache with one head:
///   e_t = sum over i of score[i] * tanh(q[i] + k_t[i]),  out = sum over t of softmax(e)_t v_t
/// In the same order as above: a fused multiply-add for i = 0, 1, ... and so on. score //
/// [key_size]; all rows are seen.
void attend_additive(std::span<const float> score, std::size_t layer,
                     std::span<const AttentionPart> parts, Parallel& parallel);

}  // namespace trellis::kernels
