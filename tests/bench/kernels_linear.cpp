/// Linear layers beside the machine's two lines, its multiplications and its main memory, and
/// beside LibTorch. All take turns, and weights are driven out of the caches before every call, as
/// a model's other layers do.
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/kernels/linear.hpp"
#include "core/kernels/thread_pool.hpp"
#include "tests/bench/machine.hpp"
#include "tests/bench/measure.hpp"
#include "tests/bench/torch_linear.hpp"

namespace trellis::bench {
namespace {

using kernels::PackedWeights;
using kernels::WeightStorage;

struct Shape {
  std::size_t inputs = 1;
  std::size_t outputs = 1;
};

// A round: the kernel, LibTorch where it is to be compared, and the machine.
struct Round {
  double kernel = 0;  // seconds
  double torch = 0;   // seconds
  double line = 0;    // seconds that the machine needs at least
};

// Of what only files hold, a file of the same byte everywhere: a scale of 0.016.
PackedWeights make_weights(const std::vector<float>& matrix, Shape shape, WeightStorage storage) {
  if (std::ranges::find(kernels::kRoundedStorages, storage) != kernels::kRoundedStorages.end())
    return {matrix, shape.outputs, shape.inputs, storage};
  const std::vector<std::byte> file(shape.outputs * row_bytes(storage, shape.inputs),
                                    std::byte{0x24});
  return PackedWeights::from_stored(file, shape.outputs, shape.inputs, storage);
}

void measure(benchmark::State& state, Shape shape, WeightStorage storage, std::size_t rows,
             std::size_t threads) {
  kernels::ThreadPool pool(threads);
  Machine machine(pool);
  const std::vector<float> matrix = random_floats(shape.inputs * shape.outputs);
  const std::vector<float> in = random_floats(shape.inputs * rows);
  const PackedWeights weights = make_weights(matrix, shape, storage);
  std::vector<float> out(rows * shape.outputs);
  TorchLinear torch;
  if (storage == WeightStorage::float32) {
    torch = make_torch_linear(matrix, in, shape.inputs, threads);
  }
  const double flops = 2.0 * static_cast<double>(rows * shape.inputs * shape.outputs);
  const auto bytes = static_cast<double>(weights.bytes());
  std::vector<Round> all;
  for (auto _ : state) {
    Round round;
    forget(weights.panel(0), weights.bytes());
    round.kernel = machine.seconds_of([&] {
      kernels::linear({in.data(), rows, shape.inputs}, weights, {},
                      {out.data(), rows, shape.outputs}, pool);
    });
    if (torch.run) {
      forget(torch.weights, matrix.size() * sizeof(float));
      round.torch = machine.seconds_of(torch.run);
    }
    round.line = std::max(flops * machine.seconds_per_flop(), bytes * machine.seconds_per_byte());
    all.push_back(round);
    state.SetIterationTime(round.kernel);
  }
  const auto median_of = [&](auto figure) {
    std::vector<double> figures;
    for (const Round& round : all) figures.push_back(figure(round));
    return median(figures);
  };
  const double seconds = median_of([](const Round& round) { return round.kernel; });
  state.counters["share of the line"] =
      median_of([](const Round& round) { return round.line / round.kernel; });
  report_rate(state, "GFLOP/s", flops * 1e-9, seconds);
  report_rate(state, "GB/s", bytes * 1e-9, seconds);
  if (torch.run) {
    state.counters["ratio to LibTorch"] =
        median_of([](const Round& round) { return round.torch / round.kernel; });
  }
}

void add_benchmark(Shape shape, WeightStorage storage, std::size_t rows, std::size_t threads) {
  const std::string name = "linear " + std::to_string(shape.inputs) + "x" +
                           std::to_string(shape.outputs) + " " +
                           std::string(storage_name(storage)) +
                           "/threads:" + std::to_string(threads) + "/rows:" + std::to_string(rows);
  benchmark::RegisterBenchmark(name.c_str(), measure, shape, storage, rows, threads)
      ->UseManualTime()
      ->MinTime(0.02);
}

// Every shape with the storages that models use most, and every storage with one shape.
void add_benchmarks() {
  const Shape all_storages = {1024, 4096};
  for (const std::size_t threads : {1U, 2U}) {
    for (const Shape& shape : {all_storages, {576, 576}, {576, 49152}, {1024, 4096}}) {
      for (const WeightStorage storage : kernels::kWeightStorages) {
        const bool common = storage == WeightStorage::float32 || storage == WeightStorage::q8_0 ||
                            storage == WeightStorage::q4_0;
        if (!common && shape.outputs != all_storages.outputs) continue;
        for (const std::size_t rows : {1U, 2U, 8U, 32U, 64U, 256U}) {
          if (storage != WeightStorage::float32 && rows != 1 && rows != 8 && rows != 64) continue;
          add_benchmark(shape, storage, rows, threads);
        }
      }
    }
  }
}

const bool kAdded = [] {
  add_benchmarks();
  return true;
}();

}  // namespace
}  // namespace trellis::bench
