#include "core/nn/attention.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/kernels/normalization.hpp"

namespace trellis::nn {
namespace {

constexpr float kHidden = -std::numeric_limits<float>::infinity();

template <typename Options>
AttentionShape make_shape(const Options& options, std::int64_t kv_heads) {
  const std::int64_t size =
      options.head_size > 0 ? options.head_size : options.width / options.heads;
  return {static_cast<std::size_t>(options.heads), static_cast<std::size_t>(kv_heads),
          static_cast<std::size_t>(size), options.scale};
}

// Columns [first, first + heads * head_size) of x // [rows, length, ...] as
// [rows, heads, length, head_size]
Tensor heads_of(const Tensor& x, std::size_t first, std::size_t heads, std::size_t head_size) {
  return x
      .narrow(-1, static_cast<std::int64_t>(first), static_cast<std::int64_t>(heads * head_size))
      .view({x.size(0), x.size(1), static_cast<std::int64_t>(heads),
             static_cast<std::int64_t>(head_size)})
      .transpose(1, 2);
}

// Key or value heads, repeated for the query heads that read them.
Tensor for_queries(const Tensor& x, const AttentionShape& shape) {
  if (shape.heads == shape.kv_heads) return x;
  return x.repeat_interleave(static_cast<std::int64_t>(shape.heads / shape.kv_heads), 1);
}

Tensor attend(const AttentionShape& shape, const Tensor& query, const Tensor& key,
              const Tensor& value, const Tensor& mask, double probability, Tensor* weights,
              const Tensor& bias = {}) {
  const double scale =
      shape.scale > 0 ? shape.scale : 1.0 / std::sqrt(static_cast<double>(shape.head_size));
  Tensor scores = at::matmul(query * scale, key.transpose(-2, -1));
  if (bias.defined()) scores = scores + bias;
  if (mask.defined()) scores = scores.masked_fill(mask, kHidden);
  const Tensor probabilities = at::softmax(scores, -1);
  if (weights != nullptr) *weights = probabilities;
  return at::matmul(dropout(probabilities, probability), value)
      .transpose(1, 2)
      .flatten(2);  // [rows, length, width]
}

// Columns [first, first + count) of some rows.
kernels::ConstRows columns(kernels::ConstRows rows, std::size_t first) {
  return {rows.data + first, rows.count, rows.stride};
}

// queries // [tokens, ...]: those of all parts one after another, each over its own cache.
std::vector<kernels::AttentionPart> split_parts(kernels::ConstRows queries, kernels::Rows out,
                                                std::span<const CachePart> parts) {
  std::vector<kernels::AttentionPart> result;
  result.reserve(parts.size());
  std::size_t first = 0;
  for (const CachePart& part : parts) {
    result.push_back(
        {part.cache, part_of(queries, first, part.count), part_of(out, first, part.count)});
    first += part.count;
  }
  return result;
}

// The last rows of each part's cache.
void write_rows(kernels::ConstRows keys, kernels::ConstRows values,
                std::span<const CachePart> parts, std::size_t layer) {
  std::size_t first = 0;
  for (const CachePart& part : parts) {
    part.cache->write(layer, part.cache->length() - part.count, part_of(keys, first, part.count),
                      part_of(values, first, part.count));
    first += part.count;
  }
}

Tensor empty_rows(const Tensor& like, std::size_t width) {
  return at::empty({like.size(0), static_cast<std::int64_t>(width)});
}

// The caller keeps the table of the bias.
kernels::AttentionShape kernel_shape(const AttentionShape& shape, bool causal, std::size_t band = 0,
                                     const RelativeBias& bias = {}) {
  const float scale = shape.scale > 0 ? static_cast<float>(shape.scale)
                                      : 1.0F / std::sqrt(static_cast<float>(shape.head_size));
  kernels::AttentionShape result{shape.heads, scale, causal, band};
  if (bias.table.defined())
    result.bias = {rows_of(bias.table), static_cast<std::size_t>(bias.before)};
  return result;
}

// T5's bucket of a distance, not negative, among `buckets`: the first half hold one each. As the
// reference does, in single precision: on a border between two buckets it counts.
std::int64_t bucket_of(std::int64_t distance, std::int64_t buckets, std::int64_t max_distance) {
  const std::int64_t exact = buckets / 2;
  if (distance < exact) return distance;
  const double range = std::log(static_cast<double>(max_distance) / static_cast<double>(exact));
  const float share = std::log(static_cast<float>(distance) / static_cast<float>(exact)) /
                      static_cast<float>(range);
  const auto further = static_cast<std::int64_t>(share * static_cast<float>(buckets - exact));
  return std::min(exact + further, buckets - 1);
}

}  // namespace

Tensor places_of(std::span<const CachePart> parts) {
  std::vector<std::int64_t> places;
  for (const CachePart& part : parts)
    for (std::size_t i = part.cache->length() - part.count; i < part.cache->length(); ++i)
      places.push_back(static_cast<std::int64_t>(i));
  return at::tensor(at::ArrayRef<std::int64_t>(places), at::kLong);
}

kernels::KvCache make_cache(std::size_t layers, const AttentionShape& shape) {
  return kernels::KvCache({layers, shape.kv_heads, shape.head_size, shape.head_size});
}

StateCost cache_cost(std::size_t layers, const AttentionShape& shape) {
  const std::size_t page = make_cache(layers, shape).shape().page_floats() * sizeof(float);
  return {page, page / kernels::KvCache::kPageRows};
}

kernels::KvCache make_memory(const Tensor& keys, const Tensor& values) {
  kernels::KvCache cache(
      {1, 1, static_cast<std::size_t>(keys.size(-1)), static_cast<std::size_t>(values.size(-1))});
  cache.extend(static_cast<std::size_t>(keys.size(0)));
  const Tensor key_rows = keys.contiguous();
  const Tensor value_rows = values.contiguous();
  cache.write(0, 0, rows_of(key_rows), rows_of(value_rows));
  return cache;
}

Tensor causal_mask(std::int64_t length, std::int64_t band) {
  const Tensor all = at::ones({length, length}, at::kBool);
  return band > 0 ? all.triu(1).logical_or(all.tril(-band)) : all.triu(1);
}

Tensor padding_mask(const Tensor& lengths, std::int64_t length) {
  return at::arange(length).unsqueeze(0) >= lengths.unsqueeze(1);
}

Rotary::Rotary(const std::vector<double>& rates, std::int64_t context)
    : table(std::make_shared<kernels::RotaryTable>(rates, static_cast<std::size_t>(context),
                                                   kernels::RotaryPairs::halves)),
      frequencies(at::tensor(at::ArrayRef<double>(rates), at::kDouble)) {}

Tensor Rotary::operator()(const Tensor& x) const {
  const Tensor angles = at::arange(x.size(2), at::kDouble).unsqueeze(1) * frequencies;
  const Tensor cosine = at::cos(angles).to(at::kFloat);
  const Tensor sine = at::sin(angles).to(at::kFloat);
  const auto halves = x.chunk(2, -1);
  return at::cat({halves[0] * cosine - halves[1] * sine, halves[1] * cosine + halves[0] * sine},
                 -1);
}

Tensor RelativeBias::of(std::int64_t length) const {
  const Tensor place = at::arange(length);
  const Tensor offset = place.unsqueeze(0) - place.unsqueeze(1);  // [query, key]
  const Tensor column = offset.clamp(-before, table.size(1) - 1 - before) + before;
  return table.index_select(1, column.flatten()).view({table.size(0), length, length});
}

RelativePositions::RelativePositions(Parameters& parameters, const std::string& name,
                                     const RelativePositionOptions& options)
    : weight(parameters.add(name + ".weight", {options.buckets, options.heads},
                            {Init::Kind::normal, 0.02})),
      before_(options.max_distance) {
  const std::int64_t half = options.both_directions ? options.buckets / 2 : options.buckets;
  std::vector<std::int64_t> buckets;
  for (std::int64_t distance = before_; distance >= 0; --distance)
    buckets.push_back(bucket_of(distance, half, options.max_distance));
  for (std::int64_t distance = 1; options.both_directions && distance <= before_; ++distance)
    buckets.push_back(half + bucket_of(distance, half, options.max_distance));
  buckets_ = at::tensor(at::ArrayRef<std::int64_t>(buckets), at::kLong);
}

RelativeBias RelativePositions::bias() const {
  if (!weight.defined()) return {};
  return {weight.index_select(0, buckets_).t().contiguous(), before_};
}

SelfAttention::SelfAttention(Parameters& parameters, const std::string& name,
                             const SelfAttentionOptions& options)
    : shape(make_shape(options, options.kv_heads > 0 ? options.kv_heads : options.heads)),
      rotary(options.rotary),
      band(static_cast<std::size_t>(options.band)) {
  const auto inner = static_cast<std::int64_t>(shape.query_width() + 2 * shape.kv_width());
  query_key_value = Linear(parameters, name + ".query_key_value", options.width, inner,
                           options.init, options.bias);
  out = Linear(parameters, name + ".out", static_cast<std::int64_t>(shape.query_width()),
               options.width, options.out_init, options.out_bias.value_or(options.bias));
  if (options.head_norm) {
    const auto size = static_cast<std::int64_t>(shape.head_size);
    query_norm = RmsNorm(parameters, name + ".query_norm", size, *options.head_norm);
    key_norm = RmsNorm(parameters, name + ".key_norm", size, *options.head_norm);
  }
}

Tensor SelfAttention::operator()(const Tensor& x, const Tensor& mask, double probability,
                                 Tensor* weights, const RelativeBias& bias) const {
  if (in_inference() && weights == nullptr && !mask.defined() && x.size(0) == 1) {
    kernels::KvCache cache = make_cache(1, shape);
    const auto count = static_cast<std::size_t>(x.size(1));
    cache.extend(count);
    const CachePart part{&cache, count};
    return attend_cached(x.squeeze(0), {&part, 1}, 0, false, bias).unsqueeze(0);
  }
  const Tensor projected = query_key_value(x);
  const std::size_t keys = shape.query_width();
  Tensor query = heads_of(projected, 0, shape.heads, shape.head_size);
  Tensor key = heads_of(projected, keys, shape.kv_heads, shape.head_size);
  const Tensor value =
      heads_of(projected, keys + shape.kv_width(), shape.kv_heads, shape.head_size);
  if (query_norm.weight.defined()) {
    query = query_norm(query);
    key = key_norm(key);
  }
  if (rotary.table != nullptr) {
    query = rotary(query);
    key = rotary(key);
  }
  return out(attend(shape, query, for_queries(key, shape), for_queries(value, shape), mask,
                    probability, weights, bias.table.defined() ? bias.of(x.size(1)) : Tensor()));
}

Tensor SelfAttention::cached(const Tensor& x, std::span<const CachePart> parts, std::size_t layer,
                             const RelativeBias& bias) const {
  return attend_cached(x, parts, layer, true, bias);
}

Tensor SelfAttention::both_ways(const Tensor& x, std::span<const CachePart> parts,
                                std::size_t layer) const {
  return attend_cached(x, parts, layer, false, {});
}

Tensor SelfAttention::attend_cached(const Tensor& x, std::span<const CachePart> parts,
                                    std::size_t layer, bool causal,
                                    const RelativeBias& bias) const {
  Tensor projected = query_key_value(x);
  if (query_norm.weight.defined()) normalize_heads(projected);
  if (rotary.table != nullptr) turn(projected, parts);
  Tensor mixed = empty_rows(x, shape.query_width());
  const kernels::ConstRows rows = rows_of(std::as_const(projected));
  const std::size_t keys = shape.query_width();
  write_rows(columns(rows, keys), columns(rows, keys + shape.kv_width()), parts, layer);
  kernels::attend(kernel_shape(shape, causal, band, bias), layer,
                  split_parts(rows, rows_of(mixed), parts), kernel_threads());
  return out(mixed);
}

void SelfAttention::normalize_heads(Tensor& projected) const {
  const kernels::Rows rows = rows_of(projected);
  const auto normalize = [&](const RmsNorm& norm, float* heads, std::size_t count) {
    const std::span<const float> weight(norm.weight.data_ptr<float>(), shape.head_size);
    kernels::rms_norm({heads, count, shape.head_size}, weight, static_cast<float>(norm.epsilon),
                      {heads, count, shape.head_size});
  };
  for (std::size_t row = 0; row < rows.count; ++row) {
    normalize(query_norm, rows.row(row), shape.heads);
    normalize(key_norm, rows.row(row) + shape.query_width(), shape.kv_heads);
  }
}

// Queries and keys lie side by side, so one pass turns both.
void SelfAttention::turn(Tensor& projected, std::span<const CachePart> parts) const {
  std::vector<std::int32_t> places;
  for (const CachePart& part : parts)
    for (std::size_t i = part.cache->length() - part.count; i < part.cache->length(); ++i)
      places.push_back(static_cast<std::int32_t>(i));
  rotary.table->apply(places, shape.heads + shape.kv_heads, shape.head_size, rows_of(projected));
}

CrossAttention::CrossAttention(Parameters& parameters, const std::string& name,
                               const CrossAttentionOptions& options)
    : shape(make_shape(options, options.heads)) {
  const auto inner = static_cast<std::int64_t>(shape.query_width());
  query = Linear(parameters, name + ".query", options.width, inner, options.init, options.bias);
  key_value =
      Linear(parameters, name + ".key_value", options.width, 2 * inner, options.init, options.bias);
  out = Linear(parameters, name + ".out", inner, options.width, options.init, options.bias);
}

Tensor CrossAttention::operator()(const Tensor& x, const Tensor& memory, const Tensor& mask,
                                  double probability, Tensor* weights) const {
  const Tensor projected = key_value(memory);
  const auto part = [&](const Tensor& of, std::size_t first) {
    return heads_of(of, first, shape.heads, shape.head_size);
  };
  return out(attend(shape, part(query(x), 0), part(projected, 0), part(projected, shape.kv_width()),
                    mask, probability, weights));
}

void CrossAttention::store(const Tensor& memory, std::span<const CachePart> parts,
                           std::size_t layer) const {
  const Tensor projected = key_value(memory);
  const kernels::ConstRows rows = rows_of(projected);
  write_rows(rows, columns(rows, shape.kv_width()), parts, layer);
}

Tensor CrossAttention::cached(const Tensor& x, std::span<const CachePart> parts, std::size_t layer,
                              bool causal) const {
  const Tensor queries = query(x);
  Tensor mixed = empty_rows(x, shape.query_width());
  kernels::attend(kernel_shape(shape, causal), layer,
                  split_parts(rows_of(queries), rows_of(mixed), parts), kernel_threads());
  return out(mixed);
}

BahdanauAttention::BahdanauAttention(Parameters& parameters, const std::string& name,
                                     std::int64_t query_width, std::int64_t memory_width,
                                     std::int64_t size)
    : query(parameters, name + ".query", query_width, size, false),
      key(parameters, name + ".key", memory_width, size),
      score(parameters.add(name + ".score.weight", {1, size},
                           {Init::Kind::uniform, 1.0 / std::sqrt(static_cast<double>(size))})) {}

Tensor BahdanauAttention::operator()(const Tensor& state, const Tensor& keys,
                                     const Tensor& mask) const {
  const Tensor scores = at::linear(at::tanh(query(state).unsqueeze(1) + keys), score).squeeze(-1);
  return at::softmax(mask.defined() ? scores.masked_fill(mask, kHidden) : scores, -1);
}

Tensor BahdanauAttention::cached(const Tensor& state, std::span<const CachePart> parts) const {
  const Tensor queries = query(state);
  Tensor context = empty_rows(state, parts[0].cache->shape().value_size);
  const std::span<const float> score_row(score.data_ptr<float>(),
                                         static_cast<std::size_t>(score.numel()));
  kernels::attend_additive(score_row, 0, split_parts(rows_of(queries), rows_of(context), parts),
                           kernel_threads());
  return context;
}

LuongAttention::LuongAttention(Parameters& parameters, const std::string& name,
                               std::int64_t query_width, std::int64_t memory_width)
    : key(parameters, name + ".key", memory_width, query_width, false) {}

Tensor LuongAttention::operator()(const Tensor& states, const Tensor& keys,
                                  const Tensor& mask) const {
  const Tensor scores = at::matmul(states, keys.transpose(-2, -1));
  return at::softmax(mask.defined() ? scores.masked_fill(mask, kHidden) : scores, -1);
}

Tensor LuongAttention::cached(const Tensor& states, std::span<const CachePart> parts) const {
  const Tensor queries = states.contiguous();
  Tensor context = empty_rows(states, parts[0].cache->shape().value_size);
  kernels::attend({.query_heads = 1, .scale = 1, .causal = false}, 0,
                  split_parts(rows_of(queries), rows_of(context), parts), kernel_threads());
  return context;
}

}  // namespace trellis::nn
