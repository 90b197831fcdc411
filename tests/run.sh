#!/usr/bin/env bash
# Installs what is missing, builds everything and runs every test. Arguments go to ctest, for
# example: tests/run.sh -L golden
set -euo pipefail
cd "$(dirname "$0")/.."

[ -n "${TRELLIS_SKIP_INSTALL:-}" ] || experiments/install.sh

cmake --preset release -DTRELLIS_TESTS=ON
cmake --build --preset release
ctest --preset release -j "$(nproc)" --no-tests=error "$@"
