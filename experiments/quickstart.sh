#!/usr/bin/env bash
# From a fresh Debian 12 to a first comparison: installs what is missing, builds, runs
# configs/quickstart.toml and writes build/quickstart/quickstart.{db,html}.
set -euo pipefail
cd "$(dirname "$0")/.."

[ -n "${TRELLIS_SKIP_INSTALL:-}" ] || experiments/install.sh

cmake --preset release -DTRELLIS_TESTS=OFF
cmake --build --preset release

mkdir -p build/quickstart
trellis=build/release/bin/trellis
"$trellis" run experiments/configs/quickstart.toml --db build/quickstart/quickstart.db "$@"
"$trellis" compare build/quickstart/quickstart.db
"$trellis" report build/quickstart/quickstart.db -o build/quickstart/quickstart.html
echo "Report: build/quickstart/quickstart.html"
