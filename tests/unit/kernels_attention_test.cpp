/// Attention over paged caches: its definition to the bit in every target, whatever the batch, the
/// threads and the history of the cache; closeness to the exact values; what NaN may touch.
#include "tests/unit/kernels_attention_fixture.hpp"

namespace trellis::tests {
namespace {

std::vector<float> by_kernel(Sequence& sequence) {
  std::vector<float> out;
  const AttentionPart part = part_of(sequence, out);
  kernels::Sequential sequential;
  kernels::attend(sequence.shape.attention, sequence.shape.cache.layers - 1, {&part, 1},
                  sequential);
  return out;
}

// What one query of one head sees.
struct View {
  const float* query;
  const float* keys;  // of the first row that is seen
  const float* values;
  std::size_t begin;
  std::size_t end;
};

View view_of(const Sequence& sequence, std::size_t query, std::size_t query_head) {
  const auto& [cache, attention, length, count] = sequence.shape;
  const std::size_t head = query_head / (attention.query_heads / cache.heads);
  const std::size_t end = attention.causal ? length - count + query + 1 : length;
  const bool banded = attention.causal && attention.band > 0 && attention.band < end;
  return {&sequence.queries[query * sequence.query_width() + query_head * cache.key_size],
          &sequence.keys[head * cache.key_size], &sequence.values[head * cache.value_size],
          banded ? end - attention.band : 0, end};
}

float bias_of(const Sequence& sequence, std::size_t query, std::size_t query_head,
              std::size_t row) {
  const kernels::RelativeBias& bias = sequence.shape.attention.bias;
  if (bias.table.count == 0) return 0;
  const auto place = sequence.shape.length - sequence.shape.count + query;
  const auto offset = static_cast<std::ptrdiff_t>(row) - static_cast<std::ptrdiff_t>(place);
  const auto before = static_cast<std::ptrdiff_t>(bias.before);
  const auto after = static_cast<std::ptrdiff_t>(bias.table.stride) - 1 - before;
  return bias.table.row(query_head)[std::clamp(offset, -before, after) + before];
}

std::vector<float> scores_of(const Sequence& sequence, const View& view, std::size_t query,
                             std::size_t query_head) {
  std::vector<float> scores;
  for (std::size_t t = view.begin; t < view.end; ++t) {
    float score = 0;
    for (std::size_t i = 0; i < sequence.shape.cache.key_size; ++i) {
      score = std::fma(view.query[i], view.keys[t * sequence.key_width() + i], score);
    }
    score *= sequence.shape.attention.scale;
    scores.push_back(score + bias_of(sequence, query, query_head, t));
  }
  return scores;
}

// The definition, in plain C++.
std::vector<float> by_definition(const Sequence& sequence) {
  const auto& [cache, attention, length, count] = sequence.shape;
  kernels::use_vector_target("scalar");
  std::vector<float> out;
  for (std::size_t query = 0; query < count; ++query) {
    for (std::size_t head = 0; head < attention.query_heads; ++head) {
      const View view = view_of(sequence, query, head);
      std::vector<float> powers = scores_of(sequence, view, query, head);
      const float sum = powers_of(powers, view.begin);
      for (std::size_t i = 0; i < cache.value_size; ++i) {
        float taken = 0;
        for (std::size_t t = view.begin; t < view.end; ++t) {
          const float value = view.values[t * sequence.value_width() + i];
          taken = std::fma(powers[t - view.begin], value, taken);
        }
        out.push_back(taken / sum);
      }
    }
  }
  return out;
}

std::vector<Case> all_cases() {
  const auto make = [](std::size_t heads, std::size_t group, std::size_t key, std::size_t value,
                       std::size_t length, std::size_t count, bool causal, std::size_t band) {
    return Case{{2, heads, key, value}, {heads * group, 0.3F, causal, band}, length, count};
  };
  std::vector<Case> cases = {
      make(1, 1, 1, 1, 1, 1, true, 0),      make(2, 1, 64, 64, 100, 1, true, 0),
      make(3, 3, 64, 64, 200, 1, true, 0),  make(1, 8, 16, 128, 33, 2, true, 0),
      make(2, 2, 20, 24, 70, 70, true, 0),  make(1, 1, 8, 40, 300, 13, true, 0),
      make(2, 3, 16, 16, 64, 64, true, 10), make(1, 1, 16, 7, 100, 100, true, 1),
      make(1, 1, 16, 16, 90, 20, true, 3),  make(2, 2, 16, 16, 50, 9, true, 1000),
      make(2, 1, 32, 32, 45, 7, false, 0),  make(1, 4, 12, 5, 16, 3, false, 0),
  };
  // Biases that all queries go beyond, and tables that are longer than the text.
  static const std::vector<float> table = numbers(6 * 60, 7);
  for (const bool causal : {true, false}) {
    for (const std::size_t columns : {1, 20, 60}) {
      cases.push_back(make(2, 3, 16, 8, 70, causal ? 13 : 70, causal, 0));
      cases.back().attention.bias = {{table.data(), 6, columns},
                                     causal ? columns - 1 : columns / 2};
      cases.push_back(cases.back());
      cases.back().attention.band = causal ? 9 : 0;
    }
  }
  for (std::size_t length = 1; length <= 35; ++length) {
    cases.push_back(make(1, 1 + length % 7, 9, 17, length, 1 + length / 2, true, length % 20));
  }
  return cases;
}

std::string describe(const Case& shape) {
  const auto& [cache, attention, length, count] = shape;
  return std::to_string(attention.query_heads) + "/" + std::to_string(cache.heads) + " heads of " +
         std::to_string(cache.key_size) + "," + std::to_string(cache.value_size) + ", " +
         std::to_string(count) + " queries, length " + std::to_string(length) + ", band " +
         std::to_string(attention.band);
}

TEST(Attention, HasTheBitsOfItsDefinitionWhateverTheHistory) {
  for (const Case& shape : all_cases()) {
    SCOPED_TRACE(describe(shape));
    Sequence at_once = make_sequence(shape, History::at_once);
    Sequence one_by_one = make_sequence(shape, History::one_by_one);
    Sequence forked = make_sequence(shape, History::forked);
    const std::vector<float> expected = by_definition(at_once);
    in_every_target([&] {
      const std::vector<float> out = by_kernel(at_once);
      if (kernels::fused_multiply_add()) expect_same_bits(out, expected);
      expect_same_bits(by_kernel(one_by_one), out);
      expect_same_bits(by_kernel(forked), out);
    });
  }
}

TEST(Attention, GivesAQueryTheSameBitsInAnyBatchAndWithAnyThreads) {
  std::vector<Sequence> sequences;
  sequences.reserve(9);
  for (std::uint32_t i = 0; i < 9; ++i) {
    const Case shape = {{1, 2, 16, 32}, {6, 0.25F, true, 50}, 3 + i * 17, 1 + i * i % 5};
    sequences.push_back(make_sequence(shape, History::at_once, i));
  }
  in_every_target([&] {
    std::vector<std::vector<float>> alone;
    for (Sequence& sequence : sequences) alone.push_back(by_kernel(sequence));
    for (const std::size_t threads : {1U, 2U, 4U}) {
      kernels::ThreadPool pool(threads);
      std::vector<std::vector<float>> outs(sequences.size());
      std::vector<AttentionPart> parts;
      for (std::size_t i = sequences.size(); i-- > 0;) {
        parts.push_back(part_of(sequences[i], outs[i]));
      }
      kernels::attend(sequences[0].shape.attention, 0, parts, pool);
      for (std::size_t i = 0; i < sequences.size(); ++i) expect_same_bits(outs[i], alone[i]);
    }
  });
}

TEST(Attention, GivesRowsReadAtOnceTheBitsOfRowsReadOneByOne) {
  const Case shape = {{1, 2, 16, 16}, {4, 0.25F, true, 0}, 50, 50};
  Sequence all = make_sequence(shape, History::at_once);
  in_every_target([&] {
    const std::vector<float> expected = by_kernel(all);
    Sequence growing = make_sequence({shape.cache, shape.attention, 0, 0}, History::at_once);
    growing.keys = all.keys;
    growing.values = all.values;
    growing.shape.count = 1;
    for (std::size_t t = 0; t < shape.length; ++t) {
      write_rows(growing, growing.cache(), t, 1);
      const auto query = all.queries.begin() + static_cast<std::ptrdiff_t>(t * all.query_width());
      growing.queries.assign(query, query + static_cast<std::ptrdiff_t>(all.query_width()));
      const auto out = expected.begin() + static_cast<std::ptrdiff_t>(t * all.out_width());
      expect_same_bits(by_kernel(growing),
                       {out, out + static_cast<std::ptrdiff_t>(all.out_width())});
    }
  });
}

void expect_close(const Sequence& sequence, std::size_t query, std::size_t head, const float* out) {
  const View view = view_of(sequence, query, head);
  const KvShape& cache = sequence.shape.cache;
  std::vector<double> weights;
  double greatest = 0;
  double total = 0;
  for (std::size_t t = view.begin; t < view.end; ++t) {
    double score = 0;
    double sizes = 0;
    for (std::size_t i = 0; i < cache.key_size; ++i) {
      const double product = double{view.query[i]} * view.keys[t * sequence.key_width() + i] *
                             sequence.shape.attention.scale;
      score += product;
      sizes += std::abs(product);
    }
    const float bias = bias_of(sequence, query, head, t);
    score += bias;
    sizes += std::abs(bias);
    greatest = std::max(greatest, sizes);
    weights.push_back(std::exp(score));
    total += weights.back();
  }
  const auto n = static_cast<double>(view.end - view.begin);
  double bound =
      (2 * (static_cast<double>(cache.key_size) + 4) * greatest + 1.1 * n + 12) * 0x1p-24;
  if (!kernels::fused_multiply_add()) bound *= 1.5;
  for (std::size_t i = 0; i < cache.value_size; ++i) {
    double exact = 0;
    double sizes = 0;
    for (std::size_t t = view.begin; t < view.end; ++t) {
      const double value = view.values[t * sequence.value_width() + i];
      exact += weights[t - view.begin] / total * value;
      sizes += weights[t - view.begin] / total * std::abs(value);
    }
    ASSERT_LE(std::abs(out[i] - exact), bound * sizes);
  }
}

TEST(Attention, StaysWithinItsErrorBound) {
  for (const Case& shape : all_cases()) {
    SCOPED_TRACE(describe(shape));
    Sequence sequence = make_sequence(shape, History::at_once);
    const std::size_t heads = shape.attention.query_heads;
    in_every_target([&] {
      const std::vector<float> out = by_kernel(sequence);
      for (std::size_t block = 0; block < shape.count * heads; ++block) {
        expect_close(sequence, block / heads, block % heads, &out[block * shape.cache.value_size]);
      }
    });
  }
}

TEST(Attention, ComputesByHand) {
  // Scores ln 3 and 0 of two rows: weights 3/4 and 1/4. With one row, its value.
  Sequence sequence = make_sequence({{1, 1, 1, 2}, {1, 1, true, 0}, 2, 2}, History::at_once);
  sequence.caches = {KvCache(sequence.shape.cache)};
  sequence.keys = {1, 0};
  sequence.values = {4, -8, 8, 16};
  sequence.queries = {5, std::log(3.0F)};
  write_rows(sequence, sequence.cache(), 0, 2);
  in_every_target([&] {
    const std::vector<float> out = by_kernel(sequence);
    EXPECT_THAT(out,
                testing::ElementsAre(4, -8, testing::FloatEq(5), testing::FloatNear(-2, 1e-6)));
    std::vector<float> weights(4, 7);
    std::vector<float> unused;
    kernels::attention_weights(sequence.shape.attention, 0, 0, part_of(sequence, unused),
                               {weights.data(), 2, 2});
    EXPECT_THAT(weights,
                testing::ElementsAre(1, 0, testing::FloatEq(0.75F), testing::FloatEq(0.25F)));
  });
}

TEST(Attention, ExplainsItsWeights) {
  for (const Case& shape : all_cases()) {
    SCOPED_TRACE(describe(shape));
    Sequence sequence = make_sequence(shape, History::one_by_one);
    std::vector<float> unused;
    const AttentionPart part = part_of(sequence, unused);
    for (std::size_t head = 0; head < shape.attention.query_heads; ++head) {
      std::vector<float> expected(shape.count * shape.length);
      kernels::use_vector_target("scalar");
      for (std::size_t query = 0; query < shape.count; ++query) {
        const View view = view_of(sequence, query, head);
        std::vector<float> powers = scores_of(sequence, view, query, head);
        const float sum = powers_of(powers, view.begin);
        for (std::size_t t = view.begin; t < view.end; ++t) {
          expected[query * shape.length + t] = powers[t - view.begin] / sum;
        }
      }
      in_every_target([&] {
        if (!kernels::fused_multiply_add()) return;
        std::vector<float> weights(expected.size(), -1);
        kernels::attention_weights(shape.attention, shape.cache.layers - 1, head, part,
                                   {weights.data(), shape.count, shape.length});
        expect_same_bits(weights, expected);
      });
    }
  }
}

TEST(Attention, LetsOnlyWhatIsSeenMatter) {
  const Case shape = {{1, 2, 16, 16}, {4, 0.25F, true, 12}, 40, 9};
  Sequence clean = make_sequence(shape, History::at_once);
  // Query i sees the rows [20 + i, 32 + i); query heads 0 and 1 read head 0.
  const auto with_nan = [&](bool in_key, std::size_t row) {
    Sequence sequence = make_sequence({shape.cache, shape.attention, 0, 9}, History::at_once);
    sequence.keys = clean.keys;
    sequence.values = clean.values;
    sequence.queries = clean.queries;
    (in_key ? sequence.keys[row * 32 + 3] : sequence.values[row * 32 + 3]) = NAN;
    write_rows(sequence, sequence.cache(), 0, 40);
    return sequence;
  };
  in_every_target([&] {
    const std::vector<float> expected = by_kernel(clean);
    for (const bool in_key : {true, false}) {
      for (const std::size_t row : {19U, 20U, 25U, 39U}) {
        Sequence sequence = with_nan(in_key, row);
        const std::vector<float> out = by_kernel(sequence);
        for (std::size_t i = 0; i < out.size(); ++i) {
          const std::size_t query = i / 64;
          const bool seen = row >= 20 + query && row < 32 + query && i % 64 < 32;
          const bool touched = seen && (in_key || i % 16 == 3);
          ASSERT_EQ(std::isnan(out[i]), touched) << in_key << ' ' << row << ' ' << i;
          if (!touched) {
            ASSERT_EQ(bits_of(out[i]), bits_of(expected[i]));
          }
        }
      }
    }
  });
}

TEST(Attention, MakesNaNOfScoresWithoutASoftmax) {
  for (const float score : {INFINITY, -INFINITY}) {
    Sequence sequence = make_sequence({{1, 1, 1, 1}, {1, 1, false, 0}, 20, 1}, History::at_once);
    sequence.queries = {score};
    sequence.keys.assign(20, 1);
    sequence.caches = {KvCache(sequence.shape.cache)};
    write_rows(sequence, sequence.cache(), 0, 20);
    in_every_target([&] { EXPECT_THAT(by_kernel(sequence), testing::Each(testing::IsNan())); });
  }
}

}  // namespace
}  // namespace trellis::tests
