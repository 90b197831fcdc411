#include "tests/bench/machine.hpp"

#include <benchmark/benchmark.h>
#include <hwy/cache_control.h>

#include <atomic>

#include "core/kernels/thread_pool.hpp"
#include "tests/bench/measure.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/bench/machine.cpp"
#include <hwy/foreach_target.h>

#include "core/kernels/vector-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace trellis::kernels::HWY_NAMESPACE {
namespace {

constexpr std::size_t kSums = 12;  // more than latency times the operations begun in a cycle

double multiply_adds(std::size_t rounds) {
  const Vector half = hn::Set(Floats(), 0.5F);
  Vector sums[kSums];
  for (Vector& sum : sums) sum = hn::Set(Floats(), static_cast<float>(rounds));
  for (std::size_t round = 0; round < rounds; ++round) {
    HWY_UNROLL(12)
    for (Vector& sum : sums) sum = multiply_add(sum, half, half);
  }
  Vector all = sums[0];
  for (std::size_t i = 1; i < kSums; ++i) all = hn::Add(all, sums[i]);
  benchmark::DoNotOptimize(hn::GetLane(all));
  return 2.0 * static_cast<double>(rounds * kSums * kWidth);
}

float read_floats(const float* floats, std::size_t count) {
  Vector sums[8];
  for (Vector& sum : sums) sum = hn::Zero(Floats());
  for (std::size_t i = 0; i + 8 * kWidth <= count; i += 8 * kWidth) {
    HWY_UNROLL(8)
    for (std::size_t v = 0; v < 8; ++v) {
      sums[v] = hn::Add(sums[v], hn::LoadU(Floats(), floats + i + v * kWidth));
    }
  }
  Vector all = sums[0];
  for (std::size_t v = 1; v < 8; ++v) all = hn::Add(all, sums[v]);
  return hn::GetLane(all);
}

}  // namespace
}  // namespace trellis::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace trellis::kernels {
namespace {
HWY_EXPORT(multiply_adds);
HWY_EXPORT(read_floats);
}  // namespace

static double dispatch_multiply_adds(std::size_t rounds) {
  return HWY_DYNAMIC_DISPATCH(multiply_adds)(rounds);
}
static float dispatch_read(const float* floats, std::size_t count) {
  return HWY_DYNAMIC_DISPATCH(read_floats)(floats, count);
}
}  // namespace trellis::kernels

namespace trellis::bench {
namespace {

constexpr std::size_t kMemory = 8 << 20;  // floats: 32 MB
constexpr std::size_t kPieces = 64;       // for all threads together
constexpr std::size_t kRounds = 3000;     // a piece

void speeds(benchmark::State& state) {
  const auto threads = static_cast<std::size_t>(state.range(0));
  kernels::ThreadPool pool(threads);
  Machine machine(pool);
  double flop = 0;
  double byte = 0;
  for (auto _ : state) {
    flop += machine.seconds_per_flop();
    byte += machine.seconds_per_byte();
  }
  const auto rounds = static_cast<double>(state.iterations());
  report_rate(state, "GFLOP/s", rounds * 1e-9, flop);
  report_rate(state, "GB/s read", rounds * 1e-9, byte);
}

BENCHMARK(speeds)->Name("machine")->ArgName("threads")->Arg(1)->Arg(2);

}  // namespace

double fused_multiply_adds(std::size_t rounds) {
  return kernels::dispatch_multiply_adds(rounds);
}

float read_once(std::span<const float> floats) {
  return kernels::dispatch_read(floats.data(), floats.size());
}

void forget(const void* memory, std::size_t bytes) {
  const auto* begin = static_cast<const char*>(memory);
  for (std::size_t i = 0; i < bytes; i += 64) hwy::FlushCacheline(begin + i);
  hwy::LoadFence();
}

Machine::Machine(kernels::Parallel& parallel) : parallel_(parallel), memory_(kMemory) {}

double Machine::seconds_per_flop() {
  std::atomic<double> flops = 0;
  const double seconds = seconds_of([&] {
    parallel_.run(kPieces, 1, [&](std::size_t begin, std::size_t end) {
      flops += fused_multiply_adds(kRounds * (end - begin));
    });
  });
  return seconds / flops;
}

double Machine::seconds_per_byte() {
  forget(memory_.data(), memory_.size() * sizeof(float));
  const double seconds = seconds_of([&] {
    parallel_.run(kPieces, 1, [&](std::size_t begin, std::size_t end) {
      const std::size_t piece = kMemory / kPieces;
      benchmark::DoNotOptimize(read_once({memory_.data() + begin * piece, (end - begin) * piece}));
    });
  });
  return seconds / static_cast<double>(memory_.size() * sizeof(float));
}

}  // namespace trellis::bench
#endif
