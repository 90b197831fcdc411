/// What the machine can do at most: the two lines that a kernel's speed is judged by.
#pragma once

#include <cstddef>
#include <span>

#include "core/kernels/large_array.hpp"
#include "core/kernels/parallel.hpp"
#include "tests/bench/measure.hpp"

namespace trellis::bench {

/// Multiplications and additions of `rounds` times what all sums of one thread take at once, by
/// fused multiply-adds that wait for nothing, in the vector target in use. Returns how many.
double fused_multiply_adds(std::size_t rounds);

/// Reads floats from memory in order, once.
float read_once(std::span<const float> floats);

/// Drives memory out of all caches, so that the next one who reads it finds it in main memory.
void forget(const void* memory, std::size_t bytes);

/// Seconds that one multiplication or addition, and one byte of main memory, take with all threads
/// of `parallel` at work. Every call measures anew, for a few milliseconds: other work on the
/// machine changes both, so they are taken by turns with what they are compared with.
class Machine {
 public:
  explicit Machine(kernels::Parallel& parallel);
  double seconds_per_flop();
  double seconds_per_byte();

  /// What work takes with these threads: of a single one only the time that it was running, so that
  /// what else the machine does meets it less.
  template <typename Work>
  double seconds_of(Work&& work) {
    const bool alone = parallel_.threads() == 1;
    const double begin = alone ? running() : now();
    work();
    return (alone ? running() : now()) - begin;
  }

 private:
  kernels::Parallel& parallel_;
  kernels::LargeArray memory_;
};

}  // namespace trellis::bench
