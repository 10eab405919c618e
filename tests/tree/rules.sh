#!/bin/sh
# The rules of the tree that no compiler checks: rules.sh SOURCE_ROOT. Prints each place that breaks one.
set -u
export LC_ALL=C.UTF-8
cd "$1" || exit 1
broken=0

# rule TEXT: the places that break it come in by standard input.
rule() {
  places=$(cat)
  [ -z "$places" ] && return
  printf 'rule: %s\n%s\n' "$1" "$places"
  broken=1
}

rooms="simd src models apps tests benchmarks"
library="simd src models"
sources() { find "$@" -name '*.cpp' -o -name '*.hpp' -o -name '*.h' -o -name '*.c'; }

sources $rooms | xargs grep -nE '[[:space:]]$' | rule "no spaces at the ends of lines"
sources $rooms | xargs grep -nP '\t' | rule "no tabs"
sources $rooms | xargs wc -l | awk '$2 != "total" && $1 >= 500 {print $2 ": " $1}' |
  rule "files have fewer than 500 lines"
for file in $(sources $rooms); do
  head -n 1 "$file" | grep -qE '^(//|/\*)' || echo "$file"
done | rule "a file begins with what it is"

# Failures of the library are a Status; what it has to say goes to the log callback.
sources $library | xargs grep -nE '(^|[^_[:alnum:]"])(printf|fprintf|puts|putchar|perror|abort|exit|throw)[ (]' |
  grep -vE ':[[:space:]]*(//|\*|/\*)' | rule "the library neither prints nor aborts nor exits nor throws"
sources $library | xargs grep -nE '<iostream>' | rule "the library does not print"
# The include path of a room says who may include whom; a path in an include would go around it.
sources $library apps | xargs grep -nE '#include "(\.\./)*(src|apps|models|simd|tests)/' |
  rule "rooms are entered by their include path"
exit $broken
