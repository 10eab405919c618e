#!/bin/sh
# samples/firmware with an installed library, as a device would have it: firmware.sh PREFIX SOURCES CODE_MAX RAM_MAX. Builds it
# by CMake, lets it answer without files and threads (confined.c) in RAM_MAX bytes, and counts what the program has beside
# the model and the frame. Needs cmake, pkg-config. Says what is wrong, and else the two figures.
set -eu
prefix=$1 sources=$2 code_max=$3 ram_max=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
wrong() { echo "firmware: $1" >&2; exit 1; }
model=$sources/models/default/panel.mica frame=$sources/samples/firmware/frame.rgb

cmake -S "$sources/samples/firmware" -B "$work/build" -DCMAKE_BUILD_TYPE=MinSizeRel -DCMAKE_PREFIX_PATH="$prefix" \
  -DMODEL="$model" >"$work/log" 2>&1 && cmake --build "$work/build" >>"$work/log" 2>&1 || wrong "$(cat "$work/log")"
cc -O1 "$sources/tests/install/confined.c" -o "$work/confined"
answers() { "$work/confined" "$1" "$work/build/firmware" 2>&1; }

answer=$(answers "$ram_max") || wrong "in $ram_max bytes, without files and threads: $answer"
[ "$(echo "$answer" | head -n 1)" = 80.8 ] || wrong "it answers: $answer"
# The least in which it answers, to a sixteenth of a MiB.
ram=$ram_max
while answers $((ram - 65536)) >/dev/null; do ram=$((ram - 65536)); done
# What lies in flash or is copied from there: every section that is loaded, but .bss.
loaded=$(size -A "$work/build/firmware" | awk '$3 > 0 && $1 !~ /^\.t?bss/ {sum += $2} END {print sum}')
code=$((loaded - $(wc -c <"$model") - $(wc -c <"$frame")))
[ "$code" -le "$code_max" ] || wrong "$code bytes of code, more than $code_max"
echo "firmware: $code bytes of code and constants, $ram of memory"
