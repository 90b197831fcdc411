#include "core/kernels/attention.hpp"

#include <algorithm>
#include <limits>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/attention.cpp"
#include <hwy/foreach_target.h>

#include "core/kernels/attention_block-inl.hpp"
#include "core/kernels/elementary-inl.hpp"

#ifndef TRELLIS_CORE_KERNELS_ATTENTION_ONCE
#define TRELLIS_CORE_KERNELS_ATTENTION_ONCE
namespace trellis::kernels {
namespace {

constexpr std::size_t kMaxRows = 6;  // queries that go over the pages together

// One call of attend() or attend_additive().
struct Call {
  AttentionShape shape;
  std::size_t layer = 0;
  const float* score = nullptr;  // of additive attention
};

// Rows of queries that read one head of one sequence. With `group` query heads a cache head, row r
// is that of query r / group and of its head r % group among the group.
struct Item {
  const AttentionPart* part = nullptr;
  std::size_t head = 0;  // of the cache
  std::size_t first = 0;
  std::size_t rows = 0;
};

std::size_t group_of(const Call& call, const KvCache& cache) {
  return call.shape.query_heads / cache.shape().heads;
}

struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// The rows of the cache that a query sees.
Span seen_by(const AttentionShape& shape, const AttentionPart& part, std::size_t query) {
  const std::size_t length = part.cache->length();
  if (!shape.causal) return {0, length};
  const std::size_t end = length - part.queries.count + query + 1;
  return {shape.band == 0 || shape.band >= end ? 0 : end - shape.band, end};
}

// What one item needs while it is computed; kept by each thread, as getting new memory takes
// longer.
struct Workspace {
  std::vector<const float*> keys;    // where each page's keys begin
  std::vector<const float*> values;  // where each page's values begin
  LargeArray queries;                // [key_size][rows]
  LargeArray weights;                // [rows][stride]: scores, then their powers
  std::size_t stride = 0;
  std::size_t base = 0;            // the first page's first row
  Span seen[kMaxRows];             // counted from the base
  std::size_t of_heads[kMaxRows];  // of queries
  std::size_t places[kMaxRows];    // of queries that have biases
  float sums[kMaxRows];            // of the powers
  float* out[kMaxRows];

  void prepare(const Call& call, const Item& item);
};

Workspace& workspace() {
  thread_local Workspace kept;
  return kept;
}

void grow(LargeArray& array, std::size_t size) {
  if (array.size() < size) array = LargeArray(size + size / 2);
}

void Workspace::prepare(const Call& call, const Item& item) {
  const KvCache& cache = *item.part->cache;
  const auto [layers, heads, key_size, value_size] = cache.shape();
  const std::size_t group = group_of(call, cache);
  grow(queries, key_size * item.rows);
  for (std::size_t r = 0; r < item.rows; ++r) {
    const std::size_t query = (item.first + r) / group;
    const std::size_t head = item.head * group + (item.first + r) % group;
    seen[r] = seen_by(call.shape, *item.part, query);
    out[r] =
        item.part->out.data == nullptr ? nullptr : item.part->out.row(query) + head * value_size;
    const float* from = item.part->queries.row(query) + head * key_size;
    for (std::size_t i = 0; i < key_size; ++i) queries.data()[i * item.rows + r] = from[i];
    of_heads[r] = head;
    places[r] = cache.length() - item.part->queries.count + query;
  }
  // Both ends of what is seen grow with the row.
  const std::size_t first_page = seen[0].begin / KvCache::kPageRows;
  const std::size_t end_page = (seen[item.rows - 1].end - 1) / KvCache::kPageRows + 1;
  base = first_page * KvCache::kPageRows;
  for (std::size_t r = 0; r < item.rows; ++r) seen[r] = {seen[r].begin - base, seen[r].end - base};
  keys.clear();
  values.clear();
  for (std::size_t page = first_page; page < end_page; ++page) {
    keys.push_back(cache.head(page, call.layer, item.head));
    values.push_back(keys.back() + key_size * KvCache::kPageRows);
  }
  stride = keys.size() * KvCache::kPageRows;
  grow(weights, stride * item.rows);
}

}  // namespace
}  // namespace trellis::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace trellis::kernels::HWY_NAMESPACE {
namespace {

static_assert(kPage == KvCache::kPageRows && kMaxRows == kScoreFunctions.size());

// e_t = sum over i of score[i] * tanh(q[i] + k_t[i])
void score_additively(const Call& call, std::size_t rows, std::size_t key_size, Workspace& work) {
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t page = 0; page < work.keys.size(); ++page) {
      Lanes sums = all_lanes(0);
      for (std::size_t i = 0; i < key_size; ++i) {
        const Vector q = constant(work.queries.data()[i * rows + r]);
        const Lanes keys = load_lanes(work.keys[page] + i * kPage);
        for (std::size_t p = 0; p < kParts; ++p) {
          const Vector power = hyperbolic_tangent(hn::Add(q, keys.part[p]));
          sums.part[p] = multiply_add(constant(call.score[i]), power, sums.part[p]);
        }
      }
      store_lanes(sums, work.weights.data() + r * work.stride + page * kPage);
    }
  }
}

// Adds the biases of one head to the scores at [seen.begin, seen.end); `place` is the query's, from
// the same row on as they.
void add_biases(float* scores, const Span& seen, const RelativeBias& bias, std::size_t head,
                std::ptrdiff_t place) {
  const float* biases = bias.table.row(head);
  const auto count = static_cast<std::ptrdiff_t>(bias.table.stride);
  const std::ptrdiff_t first = place - static_cast<std::ptrdiff_t>(bias.before);
  const auto begin = static_cast<std::ptrdiff_t>(seen.begin);
  const auto end = static_cast<std::ptrdiff_t>(seen.end);
  const std::ptrdiff_t inner = std::clamp(first, begin, end);
  const std::ptrdiff_t outer = std::clamp(first + count, inner, end);
  for (std::ptrdiff_t t = begin; t < inner; ++t) scores[t] += biases[0];
  for (std::ptrdiff_t t = inner; t < outer; ++t) scores[t] += biases[t - first];
  for (std::ptrdiff_t t = outer; t < end; ++t) scores[t] += biases[count - 1];
}

// Scores become e^(score - greatest) where they are seen. Returns the sum of those.
float powers_of(float* scores, std::size_t count, const Span& seen) {
  constexpr float kLowest = -std::numeric_limits<float>::infinity();
  std::fill(scores, scores + seen.begin, kLowest);
  std::fill(scores + seen.end, scores + count, kLowest);
  Lanes greatest = all_lanes(kLowest);
  for (std::size_t t = 0; t < count; t += kLanes) {
    for (std::size_t p = 0; p < kParts; ++p) {
      greatest.part[p] = hn::Max(greatest.part[p], hn::LoadU(Floats(), scores + t + p * kWidth));
    }
  }
  float all[kLanes];
  store_lanes(greatest, all);
  const Vector maximum = constant(*std::max_element(all, all + kLanes));
  Lanes sums = all_lanes(0);
  for (std::size_t t = 0; t < count; t += kLanes) {
    for (std::size_t p = 0; p < kParts; ++p) {
      float* place = scores + t + p * kWidth;
      const Vector power = exponential(hn::Sub(hn::LoadU(Floats(), place), maximum));
      hn::StoreU(power, Floats(), place);
      sums.part[p] = hn::Add(sums.part[p], power);
    }
  }
  return tree_sum(sums);
}

void take_row_values(Workspace& work, ValueBlock block, std::size_t row, std::size_t begin,
                     std::size_t end) {
  if (begin >= end) return;
  block.weights += row * work.stride;
  block.out += row;
  block.begin = begin;
  block.end = end;
  kValueFunctions[0](block, 0);
}

// Rows go together over what all of them see, and alone over the rest, each in ascending order.
void take_item_values(std::size_t rows, std::size_t value_size, Workspace& work) {
  ValueBlock block;
  block.weights = work.weights.data();
  block.weight_stride = work.stride;
  block.pages = work.values.data();
  block.value_size = value_size;
  block.begin = work.seen[rows - 1].begin;
  block.end = std::max(work.seen[0].end, block.begin);
  block.out = work.out;
  for (std::size_t r = 0; r < rows; ++r) {
    std::fill_n(work.out[r], value_size, 0.0F);
    take_row_values(work, block, r, work.seen[r].begin, std::min(block.begin, work.seen[r].end));
  }
  if (block.begin < block.end) kValueFunctions[rows - 1](block, 0);
  for (std::size_t r = 0; r < rows; ++r) {
    take_row_values(work, block, r, block.end, work.seen[r].end);
    for (std::size_t i = 0; i < value_size; i += kWidth) {
      const Vector sum = load_first(work.out[r] + i, value_size - i);
      store_first(hn::Div(sum, constant(work.sums[r])), work.out[r] + i, value_size - i);
    }
  }
}

// Leaves the powers of an item's scores and their sums in the workspace.
void weigh(const Call& call, const Item& item, Workspace& work) {
  const std::size_t key_size = item.part->cache->shape().key_size;
  work.prepare(call, item);
  if (call.score != nullptr) {
    score_additively(call, item.rows, key_size, work);
  } else {
    kScoreFunctions[item.rows - 1](work.queries.data(), work.keys.data(), work.keys.size(),
                                   key_size, call.shape.scale, work.weights.data(), work.stride);
  }
  const RelativeBias& bias = call.shape.bias;
  for (std::size_t r = 0; r < item.rows; ++r) {
    float* scores = work.weights.data() + r * work.stride;
    if (bias.table.count > 0) {
      const auto place = static_cast<std::ptrdiff_t>(work.places[r]);
      add_biases(scores, work.seen[r], bias, work.of_heads[r],
                 place - static_cast<std::ptrdiff_t>(work.base));
    }
    work.sums[r] = powers_of(scores, work.stride, work.seen[r]);
  }
}

void attend_items(const Call& call, const Item* items, std::size_t count) {
  Workspace& work = workspace();
  for (std::size_t i = 0; i < count; ++i) {
    weigh(call, items[i], work);
    take_item_values(items[i].rows, items[i].part->cache->shape().value_size, work);
  }
}

void explain_item(const Call& call, const Item& item, float* weights) {
  Workspace& work = workspace();
  weigh(call, item, work);
  const Span seen = work.seen[0];
  for (std::size_t t = seen.begin; t < seen.end; ++t) {
    weights[work.base + t] = work.weights.data()[t] / work.sums[0];
  }
}

}  // namespace
}  // namespace trellis::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace trellis::kernels {
namespace {

HWY_EXPORT(attend_items);
HWY_EXPORT(explain_item);

constexpr std::size_t kSmall = 1 << 16;  // multiplications for which no other thread is called

// Head by head, so that sequences which share pages find them in a cache.
std::vector<Item> items_of(const Call& call, std::span<const AttentionPart> parts) {
  std::vector<Item> items;
  for (std::size_t head = 0; head < parts[0].cache->shape().heads; ++head) {
    for (const AttentionPart& part : parts) {
      const std::size_t rows = part.queries.count * group_of(call, *part.cache);
      const std::size_t blocks = (rows + kMaxRows - 1) / kMaxRows;
      for (std::size_t b = 0; b < blocks; ++b) {
        const std::size_t first = rows * b / blocks;
        items.push_back({&part, head, first, rows * (b + 1) / blocks - first});
      }
    }
  }
  return items;
}

void attend_all(const Call& call, std::span<const AttentionPart> parts, Parallel& parallel) {
  if (parts.empty()) return;
  const KvShape& shape = parts[0].cache->shape();
  std::size_t work = 0;
  for (const AttentionPart& part : parts) {
    work += part.queries.count * part.cache->length() * call.shape.query_heads *
            (shape.key_size + shape.value_size);
  }
  const std::vector<Item> items = items_of(call, parts);
  const std::size_t spans = work < kSmall ? 1 : parallel.threads() * 16;
  const std::size_t grain = (items.size() + spans - 1) / spans;
  parallel.run(items.size(), grain, [&](std::size_t begin, std::size_t end) {
    HWY_DYNAMIC_DISPATCH(attend_items)(call, items.data() + begin, end - begin);
  });
}

}  // namespace

void attend(const AttentionShape& shape, std::size_t layer, std::span<const AttentionPart> parts,
            Parallel& parallel) {
  attend_all({shape, layer, nullptr}, parts, parallel);
}

void attend_additive(std::span<const float> score, std::size_t layer,
                     std::span<const AttentionPart> parts, Parallel& parallel) {
  attend_all({{.query_heads = 1, .causal = false}, layer, score.data()}, parts, parallel);
}

void attention_weights(const AttentionShape& shape, std::size_t layer, std::size_t query_head,
                       const AttentionPart& part, Rows weights) {
  const Call call = {shape, layer, nullptr};
  const std::size_t group = group_of(call, *part.cache);
  for (std::size_t query = 0; query < part.queries.count; ++query) {
    std::fill_n(weights.row(query), part.cache->length(), 0.0F);
    const Item item = {&part, query_head / group, query * group + query_head % group, 1};
    HWY_DYNAMIC_DISPATCH(explain_item)(call, item, weights.row(query));
  }
}

}  // namespace trellis::kernels
#endif
