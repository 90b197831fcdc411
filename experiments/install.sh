#!/usr/bin/env bash
# Installs the packages of packages.txt that are missing. Does nothing when none is.
set -euo pipefail
cd "$(dirname "$0")"

stop() {
  echo "$1" >&2
  exit 2
}

mapfile -t packages < <(sed -e 's/#.*//' -e '/^\s*$/d' packages.txt)
command -v dpkg-query >/dev/null ||
  stop "This system has no dpkg: install the equivalents of experiments/packages.txt, then set TRELLIS_SKIP_INSTALL=1."

missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

command="apt-get install -y --no-install-recommends ${missing[*]}"
if [ "$(id -u)" -eq 0 ]; then
  as_root=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
  as_root=(sudo)
else
  stop "Missing packages, and no right to install them. As root, run: $command"
fi

echo "Installing ${#missing[@]} Debian packages: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
# Without a network apt-get update only warns, and what is then missing looks like a wrong name.
"${as_root[@]}" apt-get update -qq >"$log" 2>&1 || true
unreached=$(grep -m1 -E '^(E|W|Err)' "$log" || true)
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive $command >"$log" 2>&1 && exit 0
[ -z "$unreached" ] ||
  stop "Cannot reach Debian's package servers ($unreached). With a network, run: $command"
stop "Cannot install ($(grep -m1 '^E:' "$log" || tail -n1 "$log")). To try by hand: $command"
