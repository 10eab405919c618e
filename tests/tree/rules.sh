#!/bin/sh
# The rules of the tree that no compiler checks: rules.sh SOURCE_ROOT. Prints each place that breaks one.
set -u
export LC_ALL=C.UTF-8
cd "$1" || exit 1
broken=0

# rule TEXT PLACES: the places that break it, none if it is kept.
rule() {
  [ -z "$2" ] && return
  printf 'rule: %s\n%s\n' "$1" "$2"
  broken=1
}

rooms="simd src models apps python tests benchmarks"
library="simd src models"
sources() { find "$@" -name '*.cpp' -o -name '*.hpp' -o -name '*.h' -o -name '*.c'; }
search() { # search PATTERN FOLDER...
  pattern=$1
  shift
  sources "$@" | xargs grep -nP "$pattern"
}
without_head_comment() {
  for file in $(sources $rooms); do
    head -n 1 "$file" | grep -qE '^(//|/\*)' || echo "$file"
  done
}

rule "no spaces at the ends of lines" "$(search '\s$' $rooms)"
rule "no tabs" "$(search '\t' $rooms)"
rule "files have fewer than 500 lines" \
  "$(sources $rooms | xargs wc -l | awk '$2 != "total" && $1 >= 500 {print $2 ": " $1}')"
rule "a file begins with what it is" "$(without_head_comment)"

# Failures of the library are a Status; what it has to say goes to the log callback.
rule "the library neither prints nor aborts nor exits nor throws" \
  "$(search '(?<![\w"])(printf|fprintf|puts|putchar|perror|abort|exit|throw)[ (]' $library |
    grep -vE ':\s*(//|\*|/\*)')"
rule "the library does not print" "$(search '<iostream>' $library)"
# Definitions in src/api that return a status, and do not begin with the guard (src/base/guard.hpp; on_session has it).
unguarded() {
  awk '/^mica_status mica_.*[({,]$/ {name = FILENAME ":" FNR ": " $2}
    name && /{$/ {getline; if ($0 !~ /return (guarded|on_session)\(/) print name; name = ""}' src/api/api_*.cpp
}
rule "every function of mica.h that can fail runs in the guard" "$(unguarded)"
# The include path of a room says who may include whom; a path in an include would go around it.
rule "rooms are entered by their include path" \
  "$(search '#include "(\.\./)*(src|apps|models|simd|tests)/' $library apps)"
exit $broken
