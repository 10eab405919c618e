#!/bin/sh
# mica beside llama.cpp with the same GGUF file, in one run: beside_llama.sh MICA LLAMA FILE.gguf...
# LLAMA is llama.cpp's llama-bench, or a python that has llama-cpp-python. For each file and for 1 and 2 threads: five
# pairs, mica and llama.cpp in turns, of reading a prompt of 512 tokens and of writing an answer of 32; the medians in
# tokens a second, the median of the pairs' ratios, and between what bounds these lie. PROMPT, ANSWER and PAIRS in the
# environment are other numbers.
set -eu
prompt=${PROMPT:-512} answer=${ANSWER:-32} pairs=${PAIRS:-5}
[ $# -ge 3 ] || { sed -n '2,6s/^# //p' "$0" >&2; exit 2; }
mica=$1 llama=$2
shift 2
here=$(dirname "$0")

# Both print "PROMPT ANSWER", in tokens a second.
speeds='import json, sys; print(*(row["avg_ts"] for row in json.load(sys.stdin)))'
mica_speeds() {
  rows=$("$mica" bench -m "$1" -p "$prompt" -n "$answer" -r 1 -t "$2" -o json)
  echo "$rows" | python3 -c "$speeds"
}
llama_speeds() {
  case $(basename "$llama") in
    *llama-bench*)
      rows=$("$llama" -m "$1" -p "$prompt" -n "$answer" -r 1 -t "$2" -ngl 0 -o json)
      echo "$rows" | python3 -c "$speeds"
      ;;
    *) "$llama" "$here/llama_speed.py" "$1" "$2" "$prompt" "$answer" ;;
  esac
}

printf '%-40s %7s %-8s %10s %10s %6s  %s\n' file threads work mica llama.cpp ratio 'of the pairs'
for file; do
  for threads in 1 2; do
    runs=$(for _ in $(seq "$pairs"); do
      ours=$(mica_speeds "$file" "$threads")
      theirs=$(llama_speeds "$file" "$threads")
      echo "$ours $theirs"
    done)
    echo "$runs" | python3 -c '
import statistics, sys
name, threads, *works = sys.argv[1:]
rows = [list(map(float, line.split())) for line in sys.stdin]
for i, work in enumerate(works):
    ratios = [row[i] / row[i + 2] for row in rows]
    print(f"{name:40s} {threads:>7s} {work:8s} {statistics.median(row[i] for row in rows):10.1f}"
          f" {statistics.median(row[i + 2] for row in rows):10.1f} {statistics.median(ratios):6.2f}"
          f"  {min(ratios):.2f} to {max(ratios):.2f}")
' "$(basename "$file")" "$threads" "prompt" "answer"
  done
done
