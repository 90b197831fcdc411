#!/usr/bin/env bash
# The real program in a window that nobody sees: opens a database under Xvfb, goes through all screens
# by keys, leaves a picture of each, and tells how soon the window was there and what the program costs
# while nobody touches it. Needs xvfb, xdotool and imagemagick.
#
# Usage: window.sh DATABASE FOLDER [WIDTHxHEIGHT] [-- ARGUMENTS OF trellis-gui]
set -euo pipefail

database=$1
folder=$2
shift 2
size=1400x880
if [ $# -gt 0 ] && [ "$1" != -- ]; then size=$1; shift; fi
[ $# -eq 0 ] || shift
program=${TRELLIS_GUI:-$(dirname "$0")/../../build/release/bin/trellis-gui}
mkdir -p "$folder"

coproc server { exec Xvfb -displayfd 1 -screen 0 "${size}x24" 2>"$folder/xvfb.log"; }
window_program=
# shellcheck disable=SC2064,SC2154
trap "kill \$window_program $server_PID 2>/dev/null || true" EXIT
read -r -t 10 number <&"${server[0]}"
export DISPLAY=:$number

begin=$(date +%s%N)
"$program" "$database" "$@" 2>"$folder/program.log" &
window_program=$!
# xdotool's own --sync looks only twice a second.
until window=$(xdotool search --onlyvisible --pid "$window_program" --name Trellis 2>/dev/null); do
  kill -0 "$window_program"
  sleep 0.01
done
echo "window there after $((($(date +%s%N) - begin) / 1000000)) ms"
xdotool windowmove "$window" 0 0 windowsize "$window" "${size%x*}" "${size#*x}" \
  mousemove 700 860 windowfocus "$window" # there is no window manager that would do it
sleep 2

# As long as a hand takes.
press() {
  xdotool keydown "$1" sleep 0.1 keydown "$2" sleep 0.1 keyup "$2" sleep 0.1 keyup "$1"
}

names=(runs leaderboard explore curves compare samples tokens rate sql)
for i in "${!names[@]}"; do
  press alt "$((i + 1))"
  sleep 1
  import -window root "$folder/${names[$i]}.png"
done

ticks() { awk '{print $14 + $15}' "/proc/$window_program/stat"; }
before=$(ticks)
sleep 10
used=$(($(ticks) - before))
echo "at rest: $((used * 100 / $(getconf CLK_TCK) / 10)) % of a core"
press ctrl q
wait "$window_program" && echo "ended by Ctrl+Q" || echo "ended with $?"
window_program=
