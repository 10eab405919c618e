#!/bin/sh
# What was installed, used as a stranger would: check.sh PREFIX SOURCES shared|static. Builds samples/ask.c by
# pkg-config with GCC and with clang, and by CMake, and lets each answer; looks at what is installed beside it and what
# the shared library shows. Needs cmake, pkg-config, both compilers. Says what is wrong; silent when nothing is.
set -eu
prefix=$1 sources=$2 kind=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig" LD_LIBRARY_PATH="$prefix/lib"
wrong() { echo "installed, $kind: $1" >&2; exit 1; }
answers() { # PROGRAM HOW
  answer=$("$1" "$sources/samples/panel.jpg" "Read the display." "$sources/models/default/panel.mica")
  [ "$answer" = 80.8 ] || wrong "ask.c built by $2 answers: $answer"
}

for compiler in gcc clang; do
  # shellcheck disable=SC2046
  $compiler -std=c99 -pedantic -Wall -Wextra -Werror "$prefix/share/doc/mica/samples/ask.c" -o "$work/$compiler" \
    $(pkg-config --cflags --libs mica)
  answers "$work/$compiler" "$compiler and mica.pc"
done
cmake -S "$sources/tests/install" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$prefix" >"$work/log" &&
  cmake --build "$work/cmake" >>"$work/log" || wrong "$(cat "$work/log")"
answers "$work/cmake/ask" CMake

for file in share/doc/mica/LICENSE share/man/man1/mica.1 share/bash-completion/completions/mica \
  share/zsh/site-functions/_mica share/fish/vendor_completions.d/mica.fish; do
  [ -s "$prefix/$file" ] || wrong "there is no $file"
done
for package in "$prefix"/lib/python3*/*-packages "$prefix"/lib/python3*/*/*-packages; do
  [ -d "$package/mica" ] || continue
  answer=$(PYTHONPATH=$package python3 "$sources/samples/python/ask.py" "$sources/samples/panel.jpg" "Read the display.")
  [ "$answer" = 80.8 ] || wrong "import mica answers: $answer"
done
completed='. "$1" && COMP_WORDS=(mica run --kv-vis) COMP_CWORD=2 && _mica && [[ " ${COMPREPLY[*]} " == *" --kv-visual "* ]]'
bash -c "$completed" bash "$prefix/share/bash-completion/completions/mica" || wrong "bash does not complete --kv-visual"
"$prefix/bin/mica" --help | awk '/^  [a-z]/ {print $1}' | grep -v '^mica$' | while read -r command; do
  grep -q "mica.-$command (1)" "$prefix/share/man/man1/mica.1" || wrong "mica.1 does not know $command"
  grep -q "^\.B mica $command$" "$prefix/share/man/man1/mica-$command.1" || wrong "there is no mica-$command.1"
done

[ "$kind" = shared ] || exit 0
library=$prefix/lib/libmica.so
readelf -d "$library" | grep -q 'SONAME.*\[libmica\.so\.0\]' || wrong "the soname is not libmica.so.0"
readelf -d "$work/gcc" | grep -q 'NEEDED.*\[libmica\.so\.0\]' || wrong "ask.c does not use libmica.so.0"
others=$(nm -D --defined-only "$library" | awk '$3 !~ /^mica_/ {print $3}' | head -n 5)
[ -z "$others" ] || wrong "it shows more than mica.h: $others"
# Each function of the headers, and no other.
sed -n 's/^[a-z].*[ *]\(mica_[a-z_0-9]*\)(.*/\1/p' "$prefix"/include/mica*.h | grep -v typedef | sort -u >"$work/declared"
nm -D --defined-only "$library" | awk '{print $3}' | sort -u >"$work/shown"
differ=$(diff "$work/declared" "$work/shown") || wrong "mica.h and libmica.so differ: $differ"
