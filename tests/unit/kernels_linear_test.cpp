/// Linear layers: the order of summation that the header states, to the bit.
#include <atomic>
#include <thread>

#include "core/kernels/linear.hpp"
#include "core/kernels/thread_pool.hpp"
#include "tests/unit/kernels_fixture.hpp"

namespace trellis::tests {
namespace {

using kernels::PackedWeights;

struct Layer {
  std::size_t inputs = 0;
  std::size_t outputs = 0;
  std::vector<float> weights;
  std::vector<float> bias;
};

Layer make_layer(std::size_t inputs, std::size_t outputs, bool with_bias) {
  return {inputs, outputs, numbers(inputs * outputs, 1),
          with_bias ? numbers(outputs, 2) : std::vector<float>()};
}

// The definition, in plain C++.
std::vector<float> by_definition(const Layer& layer, const std::vector<float>& in) {
  const std::size_t rows = in.size() / layer.inputs;
  std::vector<float> out(rows * layer.outputs);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t o = 0; o < layer.outputs; ++o) {
      float sum = layer.bias.empty() ? 0.0F : layer.bias[o];
      for (std::size_t k = 0; k < layer.inputs; ++k) {
        sum = std::fma(in[r * layer.inputs + k], layer.weights[o * layer.inputs + k], sum);
      }
      out[r * layer.outputs + o] = sum;
    }
  }
  return out;
}

std::vector<float> by_kernel(const Layer& layer, const PackedWeights& packed,
                             const std::vector<float>& in, kernels::Parallel& parallel) {
  const std::size_t rows = in.size() / layer.inputs;
  std::vector<float> out(rows * layer.outputs, -1);
  kernels::linear({in.data(), rows, layer.inputs}, packed, layer.bias,
                  {out.data(), rows, layer.outputs}, parallel);
  return out;
}

std::vector<float> by_kernel(const Layer& layer, const std::vector<float>& in) {
  kernels::Sequential sequential;
  return by_kernel(layer, PackedWeights(layer.weights, layer.outputs, layer.inputs), in,
                   sequential);
}

TEST(Linear, ComputesByHand) {
  // [1 2 3; 4 5 6] times [1 0 -1], and times [2 2 2], plus [0.5 -0.5]
  const Layer layer = {3, 2, {1, 2, 3, 4, 5, 6}, {0.5F, -0.5F}};
  in_every_target([&] {
    EXPECT_THAT(by_kernel(layer, {1, 0, -1, 2, 2, 2}),
                testing::ElementsAre(-1.5F, -2.5F, 12.5F, 29.5F));
  });
}

TEST(Linear, RoundsOnceAStepAndInOrder) {
  // (1 + 2^-12)^2 - 1 keeps its last bit 2^-24 only if the product is not rounded.
  const float x = 1.0F + 0x1p-12F;
  // 2^24 + 1 rounds to 2^24, so in this order the ones are lost.
  const Layer layer = {3, 2, {-1, x, 0, 0x1p24F, 1, 1}, {}};
  in_every_target([&] {
    if (!kernels::fused_multiply_add()) return;
    const std::vector<float> out = by_kernel(layer, {1, x, 0, 1, 1, 1});
    EXPECT_EQ(out[0], 0x1p-11F + 0x1p-24F);
    EXPECT_EQ(out[3], 0x1p24F);
  });
}

// Panels that are whole, in part and grouped; depths below, at and above the unrolling and the
// slices; rows in blocks of every size and in several chunks.
TEST(Linear, HasTheBitsOfItsDefinition) {
  struct Case {
    std::size_t inputs, outputs, rows;
    bool bias;
  };
  std::vector<Case> cases = {{1, 1, 1, false},    {4, 32, 1, true},     {7, 33, 2, false},
                             {64, 31, 5, true},   {770, 40, 14, true},  {1537, 64, 1, false},
                             {10, 64, 100, true}, {9, 100, 200, false}, {0, 3, 2, true}};
  for (std::size_t rows = 1; rows <= 40; ++rows) cases.push_back({13, 140, rows, rows % 2 == 0});
  for (const Case& shape : cases) {
    SCOPED_TRACE(testing::Message() << shape.inputs << "x" << shape.outputs << ", " << shape.rows);
    const Layer layer = make_layer(shape.inputs, shape.outputs, shape.bias);
    if (shape.inputs == 0) {
      std::vector<float> out(shape.rows * shape.outputs);
      kernels::Sequential sequential;
      kernels::linear({nullptr, shape.rows, 0}, PackedWeights({}, shape.outputs, 0), layer.bias,
                      {out.data(), shape.rows, shape.outputs}, sequential);
      EXPECT_EQ(out[0], layer.bias[0]);
      continue;
    }
    const std::vector<float> in = numbers(shape.rows * shape.inputs, 3);
    const std::vector<float> expected = by_definition(layer, in);
    in_every_target([&] {
      if (kernels::fused_multiply_add()) expect_same_bits(by_kernel(layer, in), expected);
    });
  }
}

TEST(Linear, GivesARowTheSameBitsInAnyBatchAndWithAnyThreads) {
  const Layer layer = make_layer(96, 161, true);
  const PackedWeights packed(layer.weights, layer.outputs, layer.inputs);
  const std::vector<float> in = numbers(256 * layer.inputs, 4);
  in_every_target([&] {
    kernels::Sequential sequential;
    const std::vector<float> all = by_kernel(layer, packed, in, sequential);
    for (const std::size_t threads : {1U, 2U, 4U}) {
      kernels::ThreadPool pool(threads);
      for (const std::size_t rows : {1U, 2U, 7U, 32U, 256U}) {
        SCOPED_TRACE(testing::Message() << threads << " threads, " << rows << " rows");
        const auto size = static_cast<std::ptrdiff_t>(rows * layer.inputs);
        const std::vector<float> last(in.end() - size, in.end());
        const auto outputs = static_cast<std::ptrdiff_t>(rows * layer.outputs);
        expect_same_bits(by_kernel(layer, packed, last, pool), {all.end() - outputs, all.end()});
      }
    }
  });
}

TEST(Linear, StaysWithinItsErrorBound) {
  const Layer layer = make_layer(600, 48, true);
  const std::vector<float> in = numbers(3 * layer.inputs, 5);
  const double roundings = static_cast<double>(layer.inputs) * 0x1p-24;
  in_every_target([&] {
    // Without fused multiply-add there are twice as many roundings.
    const double n = kernels::fused_multiply_add() ? roundings : 2 * roundings;
    const std::vector<float> out = by_kernel(layer, in);
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::size_t o = i % layer.outputs;
      double sum = layer.bias[o];
      double sizes = std::abs(sum);
      for (std::size_t k = 0; k < layer.inputs; ++k) {
        const double product = static_cast<double>(in[i / layer.outputs * layer.inputs + k]) *
                               layer.weights[o * layer.inputs + k];
        sum += product;
        sizes += std::abs(product);
      }
      ASSERT_LE(std::abs(out[i] - sum), n / (1 - n) * sizes) << i;
    }
  });
}

TEST(Linear, HeedsStridesAndWritesNothingElse) {
  const Layer layer = make_layer(5, 35, false);
  const PackedWeights packed(layer.weights, layer.outputs, layer.inputs);
  const std::vector<float> tight = numbers(3 * layer.inputs, 6);
  std::vector<float> in(3 * 8, NAN);
  for (std::size_t r = 0; r < 3; ++r) {
    std::copy_n(&tight[r * layer.inputs], layer.inputs, &in[r * 8]);
  }
  in_every_target([&] {
    const std::vector<float> expected = by_kernel(layer, tight);
    std::vector<float> out(3 * 50, 7);
    kernels::Sequential sequential;
    kernels::linear({in.data(), 3, 8}, packed, {}, {out.data(), 3, 50}, sequential);
    for (std::size_t i = 0; i < out.size(); ++i) {
      const bool written = i % 50 < layer.outputs;
      ASSERT_EQ(out[i], written ? expected[i / 50 * layer.outputs + i % 50] : 7) << i;
    }
  });
}

TEST(Linear, LetsNaNAndInfinityStayInTheirRow) {
  const Layer layer = make_layer(20, 40, false);
  std::vector<float> in = numbers(13 * layer.inputs, 7);
  const std::vector<float> clean = in;
  in[4 * layer.inputs + 3] = NAN;
  in[9 * layer.inputs + 19] = INFINITY;
  in_every_target([&] {
    const std::vector<float> expected = by_kernel(layer, clean);
    const std::vector<float> out = by_kernel(layer, in);
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::size_t row = i / layer.outputs;
      if (row == 4) {
        ASSERT_TRUE(std::isnan(out[i]));
      } else if (row == 9) {
        ASSERT_TRUE(std::isinf(out[i]));
      } else {
        ASSERT_EQ(bits_of(out[i]), bits_of(expected[i])) << i;
      }
    }
  });
}

TEST(PackedWeights, GivesItsRowsBack) {
  const Layer layer = make_layer(6, 70, false);
  const PackedWeights packed(layer.weights, layer.outputs, layer.inputs);
  EXPECT_EQ(packed.bytes(), 96 * 6 * sizeof(float));  // three panels
  for (std::size_t o = 0; o < layer.outputs; ++o) {
    std::vector<float> row(layer.inputs);
    packed.read_row(o, row);
    EXPECT_TRUE(std::equal(row.begin(), row.end(), &layer.weights[o * layer.inputs])) << o;
  }
}

TEST(ThreadPool, CoversEveryItemOnce) {
  for (const std::size_t threads : {1U, 2U, 3U, 8U}) {
    kernels::ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (const std::size_t count : {0U, 1U, 2U, 7U, 1000U}) {
      for (const std::size_t grain : {0U, 1U, 3U, 1000U}) {
        std::vector<std::atomic<int>> seen(count);
        pool.run(count, grain, [&](std::size_t begin, std::size_t end) {
          for (; begin < end; ++begin) ++seen[begin];
        });
        for (const std::atomic<int>& times : seen) ASSERT_EQ(times, 1);
      }
    }
  }
}

// Jobs in quick turn, which late risers must not mix up, and one after all have gone to sleep.
TEST(ThreadPool, KeepsItsJobsApart) {
  kernels::ThreadPool pool(4);
  for (std::size_t job = 0; job < 3000; ++job) {
    std::atomic<std::size_t> sum = 0;
    if (job == 2999) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    pool.run(8, 1, [&sum, job](std::size_t begin, std::size_t end) { sum += (end - begin) * job; });
    ASSERT_EQ(sum, 8 * job);
  }
}

TEST(Targets, CanBeChosenByName) {
  const std::vector<std::string_view> names = kernels::vector_targets();
  EXPECT_EQ(names.back(), "scalar");
  for (const std::string_view name : names) {
    kernels::use_vector_target(name);
    EXPECT_EQ(kernels::vector_target(), name);
    EXPECT_EQ(kernels::fused_multiply_add(), name != "sse4");
  }
  kernels::use_vector_target("");
  EXPECT_EQ(kernels::vector_target(), names.front());
  EXPECT_THROW(kernels::use_vector_target("avx1024"), std::exception);
  EXPECT_EQ(kernels::vector_target(), names.front());
}

}  // namespace
}  // namespace trellis::tests
