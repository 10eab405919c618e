#!/bin/sh
# What boards that are not at hand would do with Qwen2-VL-2B in w4a8: foretell.sh BUILD BUILD_ARM64 SYSROOT
# BUILD and BUILD_ARM64 are configured with -Dbenchmarks=true, for this machine (x86-64) and by cross/; SYSROOT is what
# cross/sysroot.sh made. Instructions of the kernels are counted under qemu-user (its plugin interface), their cycles
# estimated by llvm-mca for the boards' processors, and both become tokens a second and seconds a picture at the clocks
# and memory bandwidths that foretell.py lists. These are predictions: what the same method says of this machine is set
# beside what it does. Needs qemu-user (not the static one, which has no plugins), llvm and a C compiler; QEMU_AARCH64,
# QEMU_X86_64, LLVM_MC and LLVM_MCA in the environment are others.
set -eu
[ $# = 3 ] || { sed -n '2,8s/^# //p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
ninja -C "$1" benchmarks/kernel_work >"$work/log" && ninja -C "$2" benchmarks/kernel_work >"$work/log" ||
  { cat "$work/log" >&2; exit 1; }
"${CC:-cc}" -O2 -shared -fPIC -o "$work/count_blocks.so" "$here/count_blocks.c"
python3 "$here/foretell.py" "$work" "$1/benchmarks/kernel_work" "$2/benchmarks/kernel_work" "$3"
