#!/usr/bin/env bash
# clang-format over every source file, then clang-tidy over those that build/release compiles
# (Debian's packages clang-format and clang-tidy). Arguments: only these files.
set -euo pipefail
cd "$(dirname "$0")/.."

stop() {
  echo "$1" >&2
  exit 2
}

for tool in clang-format clang-tidy; do
  command -v "$tool" >/dev/null || stop "$tool is missing: apt-get install clang-format clang-tidy"
done
compiled=build/release/compile_commands.json
[ -f "$compiled" ] || stop "$compiled is missing: cmake --preset release && cmake --build --preset release"

if [ $# -eq 0 ]; then
  mapfile -t files < <(git ls-files '*.c' '*.h' '*.cpp' '*.hpp')
else
  files=("$@")
fi
clang-format --dry-run -Werror "${files[@]}"

for file in "${files[@]}"; do
  if grep -qF "\"$PWD/$file\"" "$compiled"; then printf '%s\0' "$file"; fi
done | xargs -0 -r -n 1 -P "$(nproc)" clang-tidy -quiet -p build/release
