#!/bin/sh
# What the archive of a level of kernels is made of: instructions.sh OBJDUMP NM ARCHIVE LEVEL [raised]
# Each level has the instructions that it is for where they matter, none of a higher level, and no weak symbol that the
# linker could take for another level's. With "raised" the compiler's own baseline is above the lowest levels, and only
# what must be there is looked for. Prints each rule that is broken.
set -u
objdump=$1 nm=$2 archive=$3 level=$4 raised=${5:-}
broken=0

# OBJECT: INSTRUCTION of each line of code, such as "gemm: vpdpbusd %zmm1,%zmm2,%zmm3".
code=$("$objdump" -d --no-show-raw-insn "$archive" | awk -F '\t' '
  /file format/ {object = $1; sub(/\.cpp\.o:.*/, "", object); sub(/.*[\/_]/, "", object)}
  /file format/ && /visual_kv/ {object = "visual_kv"}
  NF >= 2 {print object ": " $2 " " $3}')
if [ -z "$code" ]; then
  echo "$archive: no code to look at"
  exit 1
fi

has() { # OBJECT PATTERN
  printf '%s\n' "$code" | grep -qE "^$1: $2" && return
  echo "$level: no '$2' in $1"
  broken=1
}
has_not() { # PATTERN, of a whole instruction
  [ -z "$raised" ] || return
  found=$(printf '%s\n' "$code" | grep -E "^[a-z_0-9]+: $1" | sort | uniq -c | sort -rn | head -n 5)
  [ -n "$found" ] || return
  printf '%s: instructions of a higher level:\n%s\n' "$level" "$found"
  broken=1
}

dot_products='[su]dot '
half_arithmetic='f[a-z]+ +v[0-9]+\.[48]h, v[0-9]+\.[48]h'
evex_registers='.*%([xy]mm(1[6-9]|2[0-9]|3[01])|zmm|k[0-7])'
case $level in
  scalar)
    has_not 'v[a-z0-9]+ .*%[xyz]mm'
    has_not "$dot_products"
    has_not "$half_arithmetic"
    ;;
  avx2)
    has gemm 'vpmaddubsw .*%ymm'
    has visual_kv 'vpshufb .*%ymm'
    has_not "$evex_registers"
    has_not '(\{vex\} )?vpdp'
    ;;
  avx512vnni)
    has gemm 'vpdpbusd .*%zmm'
    has quantize 'vpdpbusd '
    has_not '(tdp|vdpbf16ps|vpdpbss|vpdpbsu|vpdpbuu|vp2intersect)'
    ;;
  neon)
    has gemm '(smlal2?|smull2?|sadalp) '
    has visual_kv 'tbl '
    has_not "$dot_products"
    has_not "$half_arithmetic"
    ;;
  neon_dotprod)
    has gemm '[su]dot '
    has_not '(smmla|ummla|usmmla|usdot|sudot|bfdot) '
    ;;
  *)
    echo "instructions.sh: unknown level '$level': say here what it is for"
    exit 1
    ;;
esac

weak=$("$nm" "$archive" | awk -v own="xsimd_$level" '$2 ~ /^[VWu]$/ && index($3, length(own) own) == 0 {print "  " $3}')
if [ -n "$weak" ]; then
  printf '%s: weak symbols that other levels may have as well:\n%s\n' "$level" "$weak"
  broken=1
fi
exit $broken
