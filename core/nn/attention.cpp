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

// Runs `attend_part(i, first_token)` for all parts, in parallel where there is enough to do.
template <typename Attend>
void for_each_part(std::span<const CachePart> parts, const Attend& attend_part) {
  std::vector<std::size_t> first(parts.size() + 1, 0);
  std::size_t longest = 1;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    first[i + 1] = first[i] + parts[i].count;
    longest = std::max(longest, parts[i].cache->length() * parts[i].count);
  }
  // Waking threads costs about as much as attention over a hundred rows.
  const std::int64_t grain = 1 + static_cast<std::int64_t>(256 / longest);
  at::parallel_for(
      0, static_cast<std::int64_t>(parts.size()), grain, [&](std::int64_t begin, std::int64_t end) {
        for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
          attend_part(parts[i], first[i]);
      });
}

}  // namespace

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
  const auto heads = split_heads(query_key_value(x), shape, 3);
  return out(attend(heads[0], heads[1], heads[2], mask, probability, weights));
}

Tensor SelfAttention::cached(const Tensor& x, std::span<const CachePart> parts,
                             std::size_t layer) const {
  const std::size_t width = shape.heads * shape.head_size;
  const Tensor projected = query_key_value(x);
  const Tensor mixed = at::empty_like(x);
  const float* from = projected.data_ptr<float>();
  auto* to = mixed.data_ptr<float>();
  for_each_part(parts, [&](const CachePart& part, std::size_t first) {
    const std::size_t length = part.cache->length();
    float* rows = part.cache->rows(layer);
    for (std::size_t i = 0; i < part.count; ++i)
      std::copy_n(from + (3 * (first + i) + 1) * width, 2 * width,
                  rows + 2 * (length - part.count + i) * width);
    attend_rows(shape, rows, length, from + 3 * first * width, 3 * width, part.count, true,
                to + first * width);
  });
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

void CrossAttention::store(const Tensor& memory, KvCache& cache, std::size_t layer) const {
  const Tensor rows = key_value(memory).contiguous();
  std::copy_n(rows.data_ptr<float>(), rows.numel(), cache.rows(layer));
}

Tensor CrossAttention::cached(const Tensor& x, std::span<const CachePart> parts,
                              std::size_t layer) const {
  const std::size_t width = shape.heads * shape.head_size;
  const Tensor queries = query(x);
  const Tensor mixed = at::empty_like(x);
  const float* from = queries.data_ptr<float>();
  auto* to = mixed.data_ptr<float>();
  for_each_part(parts, [&](const CachePart& part, std::size_t first) {
    attend_rows(shape, part.cache->rows(layer), part.cache->length(), from + first * width, width,
                part.count, false, to + first * width);
  });
  return out(mixed);
}

BahdanauAttention::BahdanauAttention(Parameters& parameters, const std::string& name,
                                     std::int64_t query_width, std::int64_t memory_width,
                                     std::int64_t size)
    : query(parameters, name + ".query", query_width, size, false),
      key(parameters, name + ".key", memory_width, size),
      score(parameters, name + ".score", size, 1, false) {}

Tensor BahdanauAttention::operator()(const Tensor& state, const Tensor& keys,
                                     const Tensor& mask) const {
  const Tensor scores = score(at::tanh(query(state).unsqueeze(1) + keys)).squeeze(-1);
  return at::softmax(mask.defined() ? scores.masked_fill(mask, kHidden) : scores, -1);
}

LuongAttention::LuongAttention(Parameters& parameters, const std::string& name,
                               std::int64_t query_width, std::int64_t memory_width)
    : key(parameters, name + ".key", memory_width, query_width, false) {}

Tensor LuongAttention::operator()(const Tensor& states, const Tensor& keys,
                                  const Tensor& mask) const {
  const Tensor scores = at::matmul(states, keys.transpose(-2, -1));
  return at::softmax(mask.defined() ? scores.masked_fill(mask, kHidden) : scores, -1);
}

}  // namespace trellis::nn
