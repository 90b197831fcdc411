#!/usr/bin/env bash
# Builds and runs every benchmark and prints the table of results; needs libbenchmark-dev.
# With --update-readme the table also replaces the one in README.md. Takes about three minutes on a
# machine that should have nothing else to do.
set -euo pipefail
cd "$(dirname "$0")/../.."

cmake --preset release -DTRELLIS_BENCHMARKS=ON
cmake --build --preset release --target host_benchmarks training_benchmarks

# The same as workers set for themselves (experiments/worker.cpp).
export OMP_WAIT_POLICY=PASSIVE MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=2147483647
results=build/release/bench
for program in host training; do
  "$results/${program}_benchmarks" --benchmark_repetitions=5 --benchmark_min_time=0.2 \
    --benchmark_out="$results/$program.json" --benchmark_out_format=json
done
python3 tests/bench/table.py "$results/host.json" "$results/training.json" >"$results/results.md"
cat "$results/results.md"
[ "${1:-}" != --update-readme ] || python3 tests/bench/table.py --into tests/bench/README.md \
  "$results/host.json" "$results/training.json"
