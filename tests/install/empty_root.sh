#!/bin/sh
# A static program in a root that has nothing else, not even /proc: empty_root.sh PROGRAM SOURCES BYTES_MAX [EMULATOR].
# It answers about the sample, by the model inside or, where it has none, by the packed file; and without that model it has
# at most BYTES_MAX bytes, stripped. Needs root or user namespaces. Says what is wrong; silent when nothing is.
set -eu
program=$1 sources=$2 bytes_max=$3 emulator=${4:-}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
wrong() { echo "$program in an empty root: $1" >&2; exit 1; }

model=$sources/models/default/panel.mica
case $(readelf -h "$program") in
  *AArch64*) "${STRIP:-aarch64-linux-gnu-strip}" -o "$root/mica" "$program" ;;
  *) "${STRIP:-strip}" -o "$root/mica" "$program" ;;
esac
readelf -l "$program" | grep -q INTERP && wrong "it wants a loader, so it is not static"
cp "$sources/samples/panel.jpg" "$root"
if [ -n "$emulator" ]; then cp "$emulator" "$root/emulator"; fi
enter="chroot"
[ "$(id -u)" = 0 ] || enter="unshare --map-root-user chroot"
inside() { $enter "$root" ${emulator:+/emulator} /mica "$@"; }

bytes=$(wc -c <"$root/mica")
if inside inspect >/dev/null 2>&1; then
  bytes=$((bytes - $(wc -c <"$model")))
  set --
else
  cp "$model" "$root"
  set -- -m /panel.mica
fi
[ "$bytes" -le "$bytes_max" ] || wrong "without a model it has $bytes bytes, more than $bytes_max"
answer=$(inside run -q "$@" /panel.jpg "Read the display." 2>&1) || wrong "$answer"
[ "$answer" = 80.8 ] || wrong "it answers: $answer"
