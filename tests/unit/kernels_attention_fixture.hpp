/// What the tests of attention share: sequences whose caches have different histories, and the
/// softmax by its definition.
#pragma once

#include <algorithm>

#include "core/kernels/activation.hpp"
#include "core/kernels/attention.hpp"
#include "core/kernels/thread_pool.hpp"
#include "tests/unit/kernels_fixture.hpp"

namespace trellis::tests {

using kernels::AttentionPart;
using kernels::AttentionShape;
using kernels::KvCache;
using kernels::KvShape;

struct Case {
  KvShape cache;  // of layers, the last is used
  AttentionShape attention;
  std::size_t length = 1;
  std::size_t count = 1;
};

// How the rows come into a cache.
enum class History { at_once, one_by_one, forked };

struct Sequence {
  Case shape;
  std::vector<float> keys;      // [length, heads * key_size]
  std::vector<float> values;    // [length, heads * value_size]
  std::vector<float> queries;   // [count, query_heads * key_size]
  std::vector<KvCache> caches;  // the last holds the rows; the others have shared pages with it

  KvCache& cache() { return caches.back(); }
  std::size_t key_width() const { return shape.cache.heads * shape.cache.key_size; }
  std::size_t value_width() const { return shape.cache.heads * shape.cache.value_size; }
  std::size_t query_width() const { return shape.attention.query_heads * shape.cache.key_size; }
  std::size_t out_width() const { return shape.attention.query_heads * shape.cache.value_size; }
};

inline void write_rows(Sequence& sequence, KvCache& cache, std::size_t first, std::size_t count) {
  cache.extend(count);
  const std::size_t keys = sequence.key_width();
  const std::size_t values = sequence.value_width();
  cache.write(sequence.shape.cache.layers - 1, first,
              {sequence.keys.data() + first * keys, count, keys},
              {sequence.values.data() + first * values, count, values});
}

// A cache that parted from another, which then wrote NaN to its own row at that place.
inline void write_forked(Sequence& sequence, std::size_t length) {
  const std::vector<float> nan(std::max(sequence.key_width(), sequence.value_width()), NAN);
  for (std::size_t first = 0; first < length;) {
    const std::size_t count = std::min<std::size_t>(1 + first % 7, length - first);
    KvCache other = sequence.cache();
    other.extend(1);
    other.write(sequence.shape.cache.layers - 1, first, {nan.data(), 1, nan.size()},
                {nan.data(), 1, nan.size()});
    KvCache own = sequence.cache();
    write_rows(sequence, own, first, count);
    sequence.caches = {std::move(other), std::move(own)};
    first += count;
  }
}

inline Sequence make_sequence(const Case& shape, History history, std::uint32_t seed = 1) {
  Sequence sequence;
  sequence.shape = shape;
  sequence.keys = numbers(shape.length * sequence.key_width(), seed);
  sequence.values = numbers(shape.length * sequence.value_width(), seed + 100);
  sequence.queries = numbers(shape.count * sequence.query_width(), seed + 200);
  sequence.caches.emplace_back(shape.cache);
  if (history == History::at_once) write_rows(sequence, sequence.cache(), 0, shape.length);
  if (history == History::one_by_one) {
    for (std::size_t t = 0; t < shape.length; ++t) write_rows(sequence, sequence.cache(), t, 1);
  }
  if (history == History::forked) write_forked(sequence, shape.length);
  return sequence;
}

inline AttentionPart part_of(Sequence& sequence, std::vector<float>& out) {
  const std::size_t count = sequence.shape.count;
  out.assign(count * sequence.out_width(), -1);
  return {&sequence.cache(),
          {sequence.queries.data(), count, sequence.query_width()},
          {out.data(), count, sequence.out_width()}};
}

inline float exponential(float x) {
  kernels::apply(kernels::Function::exp, {&x, 1}, {&x, 1});
  return x;
}

// The softmax of scores of the rows [begin, begin + scores.size()) without its division: powers,
// then their sum.
inline float powers_of(std::vector<float>& scores, std::size_t begin) {
  const float greatest = *std::max_element(scores.begin(), scores.end());
  float lanes[16] = {};
  for (std::size_t i = 0; i < scores.size(); ++i) {
    scores[i] = exponential(scores[i] - greatest);
    lanes[(begin + i) % 16] += scores[i];
  }
  for (std::size_t half = 8; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

}  // namespace trellis::tests
