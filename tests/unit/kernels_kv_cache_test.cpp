/// The paged cache against a plain copy of all rows, over random histories of forks and deaths, and
/// what it shares.
#include <memory>

#include "core/kernels/kv_cache.hpp"
#include "tests/unit/kernels_fixture.hpp"

namespace trellis::tests {
namespace {

using kernels::KvCache;
using kernels::KvShape;

// A cache beside the plain rows that it should hold: row t of layer l at rows[l][t].
struct Sequence {
  KvCache cache;
  std::vector<std::vector<std::vector<float>>> rows;

  explicit Sequence(const KvShape& shape) : cache(shape), rows(shape.layers) {}
};

std::size_t row_floats(const KvShape& shape) {
  return shape.heads * (shape.key_size + shape.value_size);
}

// Adds `count` rows of fresh numbers: keys of all heads, then values of all heads.
void grow(Sequence& sequence, std::size_t count, std::uint32_t seed) {
  const KvShape& shape = sequence.cache.shape();
  const std::size_t keys = shape.heads * shape.key_size;
  const std::size_t width = row_floats(shape);
  const std::size_t first = sequence.cache.length();
  sequence.cache.extend(count);
  for (std::size_t layer = 0; layer < shape.layers; ++layer) {
    const auto made = numbers(count * width, seed * 10 + static_cast<std::uint32_t>(layer));
    sequence.cache.write(layer, first, {made.data(), count, width},
                         {made.data() + keys, count, width});
    for (std::size_t r = 0; r < count; ++r) {
      const auto begin = made.begin() + static_cast<std::ptrdiff_t>(r * width);
      sequence.rows[layer].emplace_back(begin, begin + static_cast<std::ptrdiff_t>(width));
    }
  }
}

// What a row of the cache holds, in the order of grow().
std::vector<float> read_row(const KvCache& cache, std::size_t layer, std::size_t row) {
  const KvShape& shape = cache.shape();
  std::vector<float> keys;
  std::vector<float> values;
  for (std::size_t h = 0; h < shape.heads; ++h) {
    const float* data = cache.head(row / KvCache::kPageRows, layer, h);
    const std::size_t place = row % KvCache::kPageRows;
    for (std::size_t i = 0; i < shape.key_size; ++i) {
      keys.push_back(data[i * KvCache::kPageRows + place]);
    }
    const float* value = data + shape.key_size * KvCache::kPageRows + place * shape.value_size;
    values.insert(values.end(), value, value + shape.value_size);
  }
  keys.insert(keys.end(), values.begin(), values.end());
  return keys;
}

void expect_equal(const Sequence& sequence) {
  const std::size_t layers = sequence.cache.shape().layers;
  for (std::size_t layer = 0; layer < layers; ++layer) {
    ASSERT_EQ(sequence.cache.length(), sequence.rows[layer].size());
    for (std::size_t t = 0; t < sequence.cache.length(); ++t) {
      ASSERT_EQ(read_row(sequence.cache, layer, t), sequence.rows[layer][t]) << layer << ' ' << t;
    }
  }
}

TEST(KvCache, HoldsItsOwnRowsWhateverCopiesOfItDo) {
  const KvShape shape = {2, 2, 3, 5};
  std::mt19937 engine(1);
  const auto below = [&](std::size_t bound) { return engine() % bound; };
  for (int history = 0; history < 20; ++history) {
    std::vector<Sequence> sequences(1, Sequence(shape));
    for (std::uint32_t step = 0; step < 120; ++step) {
      const std::size_t index = below(sequences.size());
      if (const std::size_t what = below(10); what < 5) {
        const std::size_t count = below(4) == 0 ? below(40) : 1;
        grow(sequences[index], count, step + 1000);
      } else if (what < 8 && sequences.size() < 12) {
        sequences.emplace_back(sequences[index]);
      } else if (what == 8) {
        sequences[index] = Sequence(sequences[below(sequences.size())]);
      } else if (sequences.size() > 1) {
        sequences.erase(sequences.begin() + static_cast<std::ptrdiff_t>(index));
      }
    }
    for (const Sequence& sequence : sequences) expect_equal(sequence);
  }
}

TEST(KvCache, CopiesAPageOnlyWhenTwoDiverge) {
  Sequence first({1, 1, 4, 4});
  grow(first, 20, 1);
  Sequence second = first;
  const auto page = [](const Sequence& sequence, std::size_t index) {
    return sequence.cache.head(index, 0, 0);
  };
  // The first to grow does so in place; the copy does not see it.
  const float* shared = page(first, 1);
  grow(second, 1, 2);
  EXPECT_EQ(page(second, 1), shared);
  // The other then needs a page of its own, but still shares the full one.
  grow(first, 1, 3);
  EXPECT_NE(page(first, 1), shared);
  EXPECT_EQ(page(first, 0), page(second, 0));
  expect_equal(first);
  expect_equal(second);
  // One at a page's end takes a new page and copies nothing.
  Sequence third({1, 1, 4, 4});
  grow(third, 16, 4);
  Sequence fourth = third;
  grow(third, 1, 5);
  grow(fourth, 1, 6);
  EXPECT_EQ(page(third, 0), page(fourth, 0));
  EXPECT_NE(page(third, 1), page(fourth, 1));
}

TEST(KvCache, GrowsInPlaceWhereTheOtherIsGone) {
  Sequence first({1, 1, 4, 4});
  grow(first, 3, 1);
  const float* page = first.cache.head(0, 0, 0);
  {
    Sequence second = first;
    grow(second, 5, 2);
  }
  grow(first, 2, 3);
  EXPECT_EQ(first.cache.head(0, 0, 0), page);
  expect_equal(first);
}

TEST(KvCache, CountsItsPages) {
  const KvShape shape = {2, 4, 32, 16};
  EXPECT_EQ(shape.page_floats(), 2U * 4 * 48 * 16);
  KvCache cache(shape);
  EXPECT_EQ(cache.pages(), 0U);
  EXPECT_EQ(cache.bytes(), 0U);
  cache.extend(0);
  EXPECT_EQ(cache.pages(), 0U);
  cache.extend(1);
  EXPECT_EQ(cache.pages(), 1U);
  cache.extend(15);
  EXPECT_EQ(cache.pages(), 1U);
  cache.extend(33);
  EXPECT_EQ(cache.length(), 49U);
  EXPECT_EQ(cache.pages(), 4U);
  EXPECT_EQ(cache.bytes(), 4 * shape.page_floats() * sizeof(float));
  for (std::size_t page = 0; page < cache.pages(); ++page) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(cache.head(page, 1, 3)) % 64, 0U);
  }
}

}  // namespace
}  // namespace trellis::tests
