/// Attention over cached keys and values beside the machine's two lines. The shape is that of the
/// sweep's decoder: 9 query heads of 64 over 3 heads of keys and values. Caches are driven out of
/// the processor's before every call, as the rest of a model's step does it.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/kernels/attention.hpp"
#include "core/kernels/thread_pool.hpp"
#include "tests/bench/machine.hpp"
#include "tests/bench/measure.hpp"

namespace trellis::bench {
namespace {

constexpr std::size_t kHeads = 3;
constexpr std::size_t kQueryHeads = 9;
constexpr std::size_t kSize = 64;

struct Work {
  std::size_t texts = 1;
  std::size_t length = 1;   ///< tokens in each cache
  std::size_t queries = 1;  ///< of each text, its last tokens
};

kernels::KvCache filled_cache(std::size_t length, const std::vector<float>& numbers) {
  kernels::KvCache cache({1, kHeads, kSize, kSize});
  cache.extend(length);
  const kernels::ConstRows rows{numbers.data(), length, kHeads * kSize};
  cache.write(0, 0, rows, rows);
  return cache;
}

void forget_pages(const kernels::KvCache& cache) {
  for (std::size_t page = 0; page < cache.pages(); ++page)
    forget(cache.head(page, 0, 0), cache.shape().page_floats() * sizeof(float));
}

void measure(benchmark::State& state, Work work, std::size_t threads) {
  kernels::ThreadPool pool(threads);
  Machine machine(pool);
  const std::size_t width = kQueryHeads * kSize;
  const auto keys = random_floats(work.length * kHeads * kSize);
  const auto queries = random_floats(work.queries * width);
  std::vector<float> out(work.texts * work.queries * width);
  std::vector<kernels::KvCache> caches;
  for (std::size_t i = 0; i < work.texts; ++i) caches.push_back(filled_cache(work.length, keys));
  std::vector<kernels::AttentionPart> parts;
  for (std::size_t i = 0; i < work.texts; ++i) {
    parts.push_back({&caches[i],
                     {queries.data(), work.queries, width},
                     {out.data() + i * work.queries * width, work.queries, width}});
  }
  const kernels::AttentionShape shape{.query_heads = kQueryHeads,
                                      .scale = 1 / std::sqrt(static_cast<float>(kSize))};
  // Query i of n sees the rows up to length - n + i.
  const double seen =
      static_cast<double>(work.queries) *
      (static_cast<double>(work.length) - 0.5 * static_cast<double>(work.queries - 1));
  const double flops = 4.0 * static_cast<double>(work.texts * width) * seen;
  const double bytes =
      2.0 * static_cast<double>(work.texts * work.length * kHeads * kSize * sizeof(float));
  std::vector<double> seconds;
  std::vector<double> shares;
  for (auto _ : state) {
    for (const kernels::KvCache& cache : caches) forget_pages(cache);
    const double took = machine.seconds_of([&] { kernels::attend(shape, 0, parts, pool); });
    const double line =
        std::max(flops * machine.seconds_per_flop(), bytes * machine.seconds_per_byte());
    seconds.push_back(took);
    shares.push_back(line / took);
    state.SetIterationTime(took);
  }
  state.counters["share of the line"] = median(shares);
  report_rate(state, "GFLOP/s", flops * 1e-9, median(seconds));
  report_rate(state, "GB/s", bytes * 1e-9, median(seconds));
}

void add_benchmarks() {
  for (const std::size_t threads : {1U, 2U}) {
    for (const Work& work : {Work{1, 1024, 1}, Work{8, 1024, 1}, Work{32, 256, 1}, Work{8, 4096, 1},
                             Work{1, 256, 256}, Work{1, 1024, 64}}) {
      const std::string name =
          "attention/threads:" + std::to_string(threads) + "/texts:" + std::to_string(work.texts) +
          "/tokens:" + std::to_string(work.length) + "/queries:" + std::to_string(work.queries);
      benchmark::RegisterBenchmark(name.c_str(), measure, work, threads)
          ->UseManualTime()
          ->MinTime(0.02);
    }
  }
}

const bool kAdded = [] {
  add_benchmarks();
  return true;
}();

}  // namespace
}  // namespace trellis::bench
