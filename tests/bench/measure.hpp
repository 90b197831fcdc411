/// How the benchmarks of this room measure: counters by name, and pairs of ways to do the same
/// work.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <random>
#include <string>
#include <vector>

namespace trellis::bench {

/// Seconds since any fixed moment.
inline double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Seconds for which the calling thread has been running: what it waited for others is not counted.
inline double running() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

template <typename Work>
double seconds_of(Work&& work) {
  const double begin = now();
  work();
  return now() - begin;
}

/// In [-0.5, 0.5], the same ones each time.
inline std::vector<float> random_floats(std::size_t count) {
  std::mt19937 engine(1);
  std::vector<float> made(count);
  for (float& number : made) number = static_cast<float>(engine()) * 0x1p-32F - 0.5F;
  return made;
}

inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Two ways to do the same work, done by turns, so that whatever else the machine does meets both.
struct Pair {
  double ours = 0;       ///< seconds
  double reference = 0;  ///< seconds
};

/// Every counter is a row of the table: its name is the unit, and what was measured when that is
/// not Trellis.
inline void report_rate(benchmark::State& state, const std::string& unit, double units,
                        double seconds) {
  state.counters[unit] = units / seconds;
}

/// `ratio`: Trellis's speed over the reference's, above 1 when Trellis is faster.
inline void report_pair(benchmark::State& state, const std::string& reference,
                        const std::string& unit, double units, const Pair& pair) {
  report_rate(state, unit, units, pair.ours);
  report_rate(state, unit + " (" + reference + ")", units, pair.reference);
  state.counters["ratio of " + unit] = pair.reference / pair.ours;
}

}  // namespace trellis::bench
