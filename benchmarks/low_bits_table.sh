#!/bin/sh
# The table of few bits in docs/quantizing.md: low_bits_table.sh MODEL CALIBRATION.txt TEST.txt [MICA [ROW...]], a row a
# line as it is measured; SAMPLES, CHUNKS and THREADS may say others. The texts of the docs: low_bits_texts.py.
set -eu
export LC_ALL=C.UTF-8
model=$1 calibration=$2 test=$3 mica=${4:-build/apps/mica}
shift 3
[ $# = 0 ] || shift
samples=${SAMPLES:-48} chunks=${CHUNKS:-40} threads=${THREADS:-1}

# ROW: what `mica quantize` is told.
rows='8 --text w8a8
4 --text w4a8
4-levels --text w4a8-levels
4.5 --bits 4.5
4.25 --bits 4.25
3 --bits 3
2.5 --bits 2.5
2.5-uniform --bits 2.5 --allocation uniform
2.5-influence --bits 2.5 --allocation influence
2.5-factors --bits 2.5 --low-rank 0.5
2.5-some-factors --bits 2.5 --low-rank auto
2.2 --bits 2.2
2.2-uniform --bits 2.2 --allocation uniform
2.2-e8p --bits 2.2 --two-bits w2a8-e8p
2.25-e8p --bits 2.25 --two-bits w2a8-e8p
2.5-e8p --bits 2.5 --two-bits w2a8-e8p
2-everywhere --text w2a8 --shared-heads w2a8
e8p-everywhere --text w2a8-e8p --shared-heads w2a8-e8p'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# number NAME FILE INDENT: of JSON as mica writes it, a value a line.
number() { sed -n "s/^ \{$3\}\"$1\": \([-0-9.e]*\),*\$/\1/p" "$2"; }
percent() { awk "BEGIN { print 100 * $(number "$1" "$work/lost" 4) }"; }

echo '| `mica quantize` | bits of the decoder | perplexity | over float, % | +- | KL | +- | seconds |'
echo '|---|--:|--:|--:|--:|--:|--:|--:|'
echo "$rows" | while read -r row flags; do
  case " ${*:-$row} " in *" $row "*) ;; *) continue ;; esac
  # shellcheck disable=SC2086  # flags are words
  "$mica" quantize -m "$model" -o "$work/packed.mica" --calib "$calibration" --calib-samples "$samples" --held-out 0 \
    --least-cosine 0 -t "$threads" --report "$work/report.json" $flags > "$work/log" 2>&1 < /dev/null ||
    { cat "$work/log" >&2; exit 1; }
  "$mica" perplexity -m "$work/packed.mica" --base "$model" -f "$test" --chunks "$chunks" -t "$threads" -o json \
    > "$work/lost" 2> "$work/log" < /dev/null || { cat "$work/log" >&2; exit 1; }
  printf '| `%s` | %.2f | %.1f | %.1f | %.1f | %.3f | %.3f | %.0f |\n' "$flags" "$(number bits "$work/report.json" 2)" \
    "$(number perplexity "$work/lost" 2)" "$(percent rise)" "$(percent rise_error)" \
    "$(number divergence "$work/lost" 4)" "$(number divergence_error "$work/lost" 4)" \
    "$(number seconds "$work/report.json" 2)"
done
