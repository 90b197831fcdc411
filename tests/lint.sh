#!/usr/bin/env bash
# clang-format over every source file, then clang-tidy over those that need no LibTorch (Debian's
# packages clang-format and clang-tidy). Arguments: only these files.
set -euo pipefail
cd "$(dirname "$0")/.."

stop() {
  echo "$1" >&2
  exit 2
}

for tool in clang-format clang-tidy; do
  command -v "$tool" >/dev/null || stop "$tool is missing: apt-get install clang-format clang-tidy"
done
# A build of its own, in which nothing is built: clang 14 can read neither what GCC has precompiled nor
# LibTorch's headers.
cmake -G Ninja -B build/lint -DCMAKE_BUILD_TYPE=Release -DCMAKE_EXPORT_COMPILE_COMMANDS=ON \
  -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON \
  -DTRELLIS_COMPILE_TOGETHER=OFF -DTRELLIS_TORCH=OFF >/dev/null
compiled=build/lint/compile_commands.json
sed -i -E 's/ -f(tree-loop-vectorize|vect-cost-model=[a-z]+)//g' "$compiled" # which clang does not know

if [ $# -eq 0 ]; then
  mapfile -t files < <(git ls-files '*.c' '*.h' '*.cpp' '*.hpp')
else
  files=("$@")
fi
clang-format --dry-run -Werror "${files[@]}"

for file in "${files[@]}"; do
  if grep -qF "\"$PWD/$file\"" "$compiled"; then printf '%s\0' "$file"; fi
done | xargs -0 -r -n 1 -P "$(nproc)" clang-tidy -quiet -p build/lint \
  -header-filter="^$PWD/(core|plugins|experiments|storage|reports|gui)/" \
  --extra-arg=-Wno-unknown-warning-option --extra-arg=-Wno-ignored-optimization-argument
