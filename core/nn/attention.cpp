#include "core/nn/attention.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace trellis::nn {
namespace {

constexpr float kHidden = -std::numeric_limits<float>::infinity();

AttentionShape make_shape(std::int64_t width, std::int64_t heads) {
  return {static_cast<std::size_t>(heads), static_cast<std::size_t>(width / heads)};
}

// [rows, length, parts * width] -> parts of [rows, heads, length, head_size]
std::vector<Tensor> split_heads(const Tensor& x, const AttentionShape& shape, std::int64_t parts) {
  return x
      .view({x.size(0), x.size(1), parts, static_cast<std::int64_t>(shape.heads),
             static_cast<std::int64_t>(shape.head_size)})
      .permute({2, 0, 3, 1, 4})
      .unbind(0);
}

Tensor attend(const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& mask,
              double probability, Tensor* weights) {
  const double scale = 1.0 / std::sqrt(static_cast<double>(query.size(-1)));
  Tensor scores = at::matmul(query * scale, key.transpose(-2, -1));
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

Tensor empty_rows(const Tensor& like, std::size_t width) {
  return at::empty({like.size(0), static_cast<std::int64_t>(width)});
}

kernels::AttentionShape kernel_shape(const AttentionShape& shape, bool causal) {
  return {shape.heads, 1.0F / std::sqrt(static_cast<float>(shape.head_size)), causal, 0};
}

}  // namespace

kernels::KvCache make_cache(std::size_t layers, const AttentionShape& shape) {
  return kernels::KvCache({layers, shape.heads, shape.head_size, shape.head_size});
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

Tensor causal_mask(std::int64_t length) {
  return at::ones({length, length}, at::kBool).triu(1);
}

Tensor padding_mask(const Tensor& lengths, std::int64_t length) {
  return at::arange(length).unsqueeze(0) >= lengths.unsqueeze(1);
}

SelfAttention::SelfAttention(Parameters& parameters, const std::string& name, std::int64_t width,
                             std::int64_t heads, const Init& init, const Init& out_init)
    : query_key_value(parameters, name + ".query_key_value", width, 3 * width, init),
      out(parameters, name + ".out", width, width, out_init),
      shape(make_shape(width, heads)) {}

Tensor SelfAttention::operator()(const Tensor& x, const Tensor& mask, double probability,
                                 Tensor* weights) const {
  if (in_inference() && weights == nullptr && !mask.defined() && x.size(0) == 1) {
    kernels::KvCache cache = make_cache(1, shape);
    const auto count = static_cast<std::size_t>(x.size(1));
    cache.extend(count);
    const CachePart part{&cache, count};
    return attend_cached(x.squeeze(0), {&part, 1}, 0, false).unsqueeze(0);
  }
  const auto heads = split_heads(query_key_value(x), shape, 3);
  return out(attend(heads[0], heads[1], heads[2], mask, probability, weights));
}

Tensor SelfAttention::cached(const Tensor& x, std::span<const CachePart> parts,
                             std::size_t layer) const {
  return attend_cached(x, parts, layer, true);
}

Tensor SelfAttention::attend_cached(const Tensor& x, std::span<const CachePart> parts,
                                    std::size_t layer, bool causal) const {
  const std::size_t width = shape.heads * shape.head_size;
  const Tensor projected = query_key_value(x);
  Tensor mixed = empty_rows(x, width);
  const kernels::ConstRows rows = rows_of(projected);
  std::size_t first = 0;
  for (const CachePart& part : parts) {
    const kernels::ConstRows own = part_of(rows, first, part.count);
    part.cache->write(layer, part.cache->length() - part.count, columns(own, width),
                      columns(own, 2 * width));
    first += part.count;
  }
  kernels::attend(kernel_shape(shape, causal), layer, split_parts(rows, rows_of(mixed), parts),
                  kernel_threads());
  return out(mixed);
}

CrossAttention::CrossAttention(Parameters& parameters, const std::string& name, std::int64_t width,
                               std::int64_t heads, const Init& init)
    : query(parameters, name + ".query", width, width, init),
      key_value(parameters, name + ".key_value", width, 2 * width, init),
      out(parameters, name + ".out", width, width, init),
      shape(make_shape(width, heads)) {}

Tensor CrossAttention::operator()(const Tensor& x, const Tensor& memory, const Tensor& mask,
                                  double probability, Tensor* weights) const {
  const auto queries = split_heads(query(x), shape, 1);
  const auto heads = split_heads(key_value(memory), shape, 2);
  return out(attend(queries[0], heads[0], heads[1], mask, probability, weights));
}

void CrossAttention::store(const Tensor& memory, kernels::KvCache& cache, std::size_t layer) const {
  const Tensor projected = key_value(memory);
  const kernels::ConstRows rows = rows_of(projected);
  cache.write(layer, 0, rows, columns(rows, shape.heads * shape.head_size));
}

Tensor CrossAttention::cached(const Tensor& x, std::span<const CachePart> parts,
                              std::size_t layer) const {
  const Tensor queries = query(x);
  Tensor mixed = empty_rows(x, shape.heads * shape.head_size);
  kernels::attend(kernel_shape(shape, false), layer,
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
