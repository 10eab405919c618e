#!/bin/sh
# What the archive of a level of kernels is made of:
#   instructions.sh OBJDUMP NM ARCHIVE LEVEL NEEDS NEW GROUPS [raised]
# NEEDS are the features of the processor that the level may use, NEW those of them that its parent may not, GROUPS the
# groups of kernels in the archive. A level has the instructions that it is for where they matter, none that it may not
# use, and no weak symbol that the linker could take for another level's. With "raised" the compiler's own baseline is
# above the lowest levels, and only what must be there is looked for. Prints each rule that is broken.
set -u
objdump=$1 nm=$2 archive=$3 level=$4 needs=$5 new=$6 groups=$7 raised=${8:-}
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
  printf '%s: instructions that it may not use:\n%s\n' "$level" "$found"
  broken=1
}

lacks() { case " $needs " in *" $1 "*) return 1 ;; esac; }
adds() { case " $new " in *" $1 "*) ;; *) return 1 ;; esac; } # the level needs it and its parent does not
owns() { case " $groups " in *" $1 "*) ;; *) return 1 ;; esac; }
marks() { # FEATURE GROUP PATTERN: a level that adds the feature uses it there
  if adds "$1" && owns "$2"; then has "$2" "$3"; fi
}

if lacks avx2; then has_not 'v[a-z0-9]+ .*%[xyz]mm'; fi
if lacks avx512vl; then has_not '.*%([xy]mm(1[6-9]|2[0-9]|3[01])|zmm|k[0-7])'; fi
if lacks avx512vnni; then has_not 'vpdp'; fi
if lacks avxvnni; then has_not '\{vex\} vpdp'; fi
if lacks dotprod; then has_not '[su]dot '; fi
if lacks i8mm; then has_not '(smmla|ummla|usmmla|usdot|sudot) '; fi
if lacks fp16; then has_not 'f[a-z]+ +v[0-9]+\.[48]h, v[0-9]+\.[48]h'; fi
# Of no level yet.
has_not '(tdp|vdpbf16ps|vpdpbss|vpdpbsu|vpdpbuu|vp2intersect)'
has_not 'bfdot '

marks avx2 gemm 'vpmaddubsw .*%ymm'
marks avx2 visual_kv 'vpshufb .*%ymm'
marks avxvnni gemm '\{vex\} vpdpbusd .*%ymm'
marks avxvnni attention '\{vex\} vpdpbusd .*%ymm'
marks avxvnni float '\{vex\} vpdpbusd .*%ymm'
marks avx512vnni gemm 'vpdpbusd .*%zmm'
marks avx512vnni quantize 'vpdpbusd '
marks asimd gemm '(smlal2?|smull2?|sadalp) '
marks asimd visual_kv 'tbl '
marks dotprod gemm '[su]dot '
marks i8mm gemm 'smmla '

weak=$("$nm" "$archive" | awk -v own="xsimd_$level" '$2 ~ /^[VWu]$/ && index($3, length(own) own) == 0 {print "  " $3}')
if [ -n "$weak" ]; then
  printf '%s: weak symbols that other levels may have as well:\n%s\n' "$level" "$weak"
  broken=1
fi
exit $broken
