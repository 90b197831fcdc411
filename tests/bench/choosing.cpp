/// Choosing one token from a row of logits: the kernels beside their definitions, which sort the
/// vocabulary and draw noise for all of it.
///
/// Peaked rows are as a trained model gives them, a few tokens with nearly all the mass; flat ones
/// as an untrained model does.
#include <algorithm>
#include <cmath>
#include <random>
#include <span>
#include <vector>

#include "core/decode/random.hpp"
#include "core/kernels/nucleus.hpp"
#include "core/kernels/selection.hpp"
#include "tests/bench/measure.hpp"

namespace trellis::bench {
namespace {

constexpr std::size_t kRows = 16;
constexpr decode::NoiseKey kKey{1, 2, 3, 0};

// Logits of the shape of Zipf's law, in random order: the greater `steepness`, the more peaked.
std::vector<std::vector<float>> rows_of(std::size_t vocab, double steepness) {
  std::mt19937 engine(7);
  std::vector<std::vector<float>> rows(kRows, std::vector<float>(vocab));
  for (auto& row : rows) {
    for (std::size_t i = 0; i < vocab; ++i)
      row[i] = static_cast<float>(-steepness * std::log(static_cast<double>(i + 1)));
    for (std::size_t i = vocab; i > 1; --i) std::swap(row[i - 1], row[engine() % i]);
  }
  return rows;
}

// Both ways on copies of the same rows, by turns.
template <typename Ours, typename Reference>
void compare(benchmark::State& state, const char* reference, Ours&& ours, Reference&& theirs) {
  const auto vocab = static_cast<std::size_t>(state.range(0));
  const auto rows = rows_of(vocab, state.range(1) != 0 ? 2.0 : 0.05);
  std::vector<float> copy(vocab);
  Pair pair;
  double count = 0;
  for (auto _ : state) {
    for (const auto& row : rows) {
      std::copy(row.begin(), row.end(), copy.begin());
      pair.ours += seconds_of([&] { ours(std::span<float>(copy)); });
      benchmark::DoNotOptimize(copy.data());
      std::copy(row.begin(), row.end(), copy.begin());
      pair.reference += seconds_of([&] { theirs(std::span<float>(copy)); });
      benchmark::DoNotOptimize(copy.data());
      ++count;
    }
  }
  report_pair(state, reference, "rows/s", count, pair);
}

void top_p(benchmark::State& state) {
  kernels::NucleusScratch scratch;
  compare(
      state, "sorting", [&](auto row) { kernels::keep_nucleus(row, 0.9, 1, scratch); },
      [](auto row) { kernels::keep_nucleus_by_sorting(row, 0.9, 1); });
}

void typical(benchmark::State& state) {
  kernels::NucleusScratch scratch;
  compare(
      state, "sorting", [&](auto row) { kernels::keep_typical(row, 0.9, 1, scratch); },
      [](auto row) { kernels::keep_typical_by_sorting(row, 0.9, 1); });
}

void draw(benchmark::State& state) {
  std::vector<float> noise(static_cast<std::size_t>(state.range(0)));
  std::uint64_t position = 0;
  compare(
      state, "all noise",
      [&](auto row) {
        const auto place = decode::gumbel_place(kKey, ++position);
        benchmark::DoNotOptimize(kernels::gumbel_argmax(place, row));
      },
      [&](auto row) {
        decode::gumbel_noise(kKey, position, noise);
        for (std::size_t i = 0; i < noise.size(); ++i) noise[i] += row[i];
        benchmark::DoNotOptimize(kernels::argmax(noise));
      });
}

void shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"vocabulary", "peaked"})
      ->ArgsProduct({{4096, 49152}, {0, 1}})
      ->UseRealTime();
}
BENCHMARK(top_p)->Name("keep the nucleus of 0.9")->Apply(shapes);
BENCHMARK(typical)->Name("keep the typical 0.9")->Apply(shapes);
BENCHMARK(draw)->Name("draw a token")->Apply(shapes);

}  // namespace
}  // namespace trellis::bench
