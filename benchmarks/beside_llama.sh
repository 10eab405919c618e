#!/bin/sh
# mica beside llama.cpp in one run: beside_llama.sh MICA LLAMA [FILE.gguf...]
# LLAMA is a python that has llama-cpp-python (and gguf and numpy), or with FILEs llama.cpp's llama-bench. With FILEs
# both read the same. Without, both have Qwen2-VL-2B's shape with random weights: mica in W4A8 and with one bit for
# visual tokens, llama.cpp in Q4_0, its tower in F16, its keys and values in q8_0. Five pairs, mica and llama.cpp in
# turns; the medians, the median of the pairs' ratios (above one: mica is better) and between what bounds they lie.
# In the environment: PAIRS, THREADS ("1 2"), PROMPT (512), ANSWER (32), PICTURES ("448 896"), BEHIND ("4096 16384"
# visual tokens), ISA (mica's level: build llama.cpp for the same), SHAPE_FOLDER (where the 2.3 GB of random files stay).
set -eu
[ $# -ge 2 ] || { sed -n '2,9s/^# //p' "$0" >&2; exit 2; }
exec python3 "$(dirname "$0")/beside_llama.py" "$@"
