#!/bin/sh
# Whether two builds give the same bits: same_bits.sh OLD_BUILD NEW_BUILD. A change that only moves code is proven by it:
# logits and greedy tokens of each golden, the answers of the default model, packed files and what they answer, at every
# level that this processor has. Both are builds of this project with the same compiler, the quantizer and the default model.
set -eu
export LC_ALL=C.UTF-8
[ $# = 2 ] || { echo "usage: $0 OLD_BUILD NEW_BUILD" >&2; exit 2; }
old=$(cd "$1" && pwd) new=$(cd "$2" && pwd)
data=$(cd "$(dirname "$0")/../data" && pwd)
recorder=$(cd "$(dirname "$0")" && pwd)/record_bits.c
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# build SIDE FOLDER: the recorder, linked with that build's library.
build() {
  source=$(sed -n 's/^srcdir=//p' "$2/meson-uninstalled/mica-uninstalled.pc")
  cc -std=c99 -O1 -I"$source/src/api" "$recorder" -o "$work/$1" "$2/src/api/libmica.a" \
    $(PKG_CONFIG_PATH=$2/meson-uninstalled pkg-config --static --libs mica-uninstalled | sed 's/ -lmica / /')
}

# pack SIDE BUILD: one packed file a storage and family; what the packer prints is of interest when it fails.
pack() {
  mkdir "$work/$1.packed"
  for family in qwen2_vl llava internvl; do
    for storage in w4a8 w8a8 f16; do
      case $storage in
        f16) options="--head f16" ;;
        *) options="--calib $data/panel --calib-samples 4" ;;
      esac
      # shellcheck disable=SC2086
      "$2/apps/mica" quantize -m "$data/golden/$family" -o "$work/$1.packed/$family-$storage.mica" --vision $storage \
        --text $storage $options -t 2 >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
    done
  done
}

# record SIDE PACKED LEVEL: the lines of one build at one level, of the other build's packed files too.
record() {
  for family in "$data"/golden/*; do
    for recorded in "$family"/golden_*.safetensors; do
      MICA_ISA=$3 "$work/$1" "$family" "$recorded" "$data/images" | sed "s|^|$(basename "$family") |"
    done
  done
  for picture in "$data"/panel/*.jpg; do
    MICA_ISA=$3 "$work/$1" "" "$picture" "Read the dial." "Which unit is this?" "Read the display."
  done
  for packed in "$2"/*.mica; do
    family=$(basename "$packed" | sed 's/-.*//')
    for recorded in "$data/golden/$family"/golden_*.safetensors; do
      MICA_ISA=$3 "$work/$1" "$packed" "$recorded" "$data/images" | sed "s|^|$(basename "$packed") |"
    done
  done
}

build old "$old"
build new "$new"
pack old "$old"
pack new "$new"
status=0
for packed in "$work"/old.packed/*; do
  cmp -s "$packed" "$work/new.packed/$(basename "$packed")" || echo "note: $(basename "$packed") is packed otherwise"
done
levels=$("$new/apps/mica" inspect --cpu | awk '/^levels/ {listed = 1} listed && $2 == "yes" {print $1}')
for level in $levels; do
  record old "$work/old.packed" "$level" >"$work/old.txt"
  record new "$work/old.packed" "$level" >"$work/new.txt"
  record new "$work/new.packed" "$level" >"$work/repacked.txt"
  for side in new repacked; do
    if diff "$work/old.txt" "$work/$side.txt" >"$work/diff"; then
      echo "$level, $side: $(wc -l <"$work/old.txt") lines, the same bits"
    else
      echo "$level, $side: $(grep -c '^>' "$work/diff") of $(wc -l <"$work/old.txt") lines differ:"
      head -n 20 "$work/diff"
      status=1
    fi
  done
done
exit $status
