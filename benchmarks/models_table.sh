#!/bin/sh
# The table of models in docs/models.md: benchmarks/models_table.sh [MICA] [SHAPE...]. Each published shape with random weights
# in W4A8: what its file and the running program take, a picture, a prompt, an answer. One row a shape as it is measured
# (half an hour for all on two cores); the machine should have nothing else to do.
set -eu
export LC_ALL=C.UTF-8
mica=${1:-build/apps/mica}
[ $# = 0 ] || shift

# SHAPE REPOSITORY: as the hub spells them.
models='smolvlm-256m HuggingFaceTB/SmolVLM-256M-Instruct
granite-docling-258m ibm-granite/granite-docling-258M
lfm2-vl-450m LiquidAI/LFM2-VL-450M
smolvlm-500m HuggingFaceTB/SmolVLM-500M-Instruct
qwen3.5-0.8b Qwen/Qwen3.5-0.8B
llava-onevision-0.5b llava-hf/llava-onevision-qwen2-0.5b-ov-hf
paddleocr-vl-0.9b PaddlePaddle/PaddleOCR-VL
internvl3-1b OpenGVLab/InternVL3-1B-hf
lighton-ocr-1b lightonai/LightOnOCR-1B-1025
glm-ocr zai-org/GLM-OCR
minicpm-v-4.6 openbmb/MiniCPM-V-4.6
internvl3-2b OpenGVLab/InternVL3-2B-hf
qwen3-vl-2b Qwen/Qwen3-VL-2B-Instruct
qwen2-vl-2b Qwen/Qwen2-VL-2B-Instruct
internvl2-2b OpenGVLab/InternVL2-2B
smolvlm2-2.2b HuggingFaceTB/SmolVLM2-2.2B-Instruct
paligemma-3b-224 google/paligemma-3b-mix-224
qwen2.5-vl-3b Qwen/Qwen2.5-VL-3B-Instruct
ministral-3-3b mistralai/Ministral-3-3B-Instruct-2512-BF16
gemma3-4b google/gemma-3-4b-it
qwen3-vl-4b Qwen/Qwen3-VL-4B-Instruct
internvl3.5-4b OpenGVLab/InternVL3_5-4B-HF
gemma-4-e2b google/gemma-4-E2B-it
llava-1.5-7b llava-hf/llava-1.5-7b-hf
llava-next-7b llava-hf/llava-v1.6-vicuna-7b-hf
minicpm-v-2.6 openbmb/MiniCPM-V-2_6
llava-onevision-7b llava-hf/llava-onevision-qwen2-7b-ov-hf
qwen2-vl-7b Qwen/Qwen2-VL-7B-Instruct
qwen2.5-vl-7b Qwen/Qwen2.5-VL-7B-Instruct
qwen3-vl-8b Qwen/Qwen3-VL-8B-Instruct
qwen3.5-9b Qwen/Qwen3.5-9B
qwen-vl-chat Qwen/Qwen-VL-Chat
glm-4.1v-9b zai-org/GLM-4.1V-9B-Thinking
glm-4v-9b zai-org/glm-4v-9b
cogvlm2-19b zai-org/cogvlm2-llama3-chat-19B
smollm2-135m HuggingFaceTB/SmolLM2-135M-Instruct
gemma3-270m google/gemma-3-270m-it'

echo '| model | parameters | file, GiB | memory, GiB | a photo: tokens | s | reads, tokens/s | writes, tokens/s |'
echo '|---|--:|--:|--:|--:|--:|--:|--:|'
echo "$models" | while read -r shape repository; do
  case " ${*:-$shape} " in *" $shape "*) ;; *) continue ;; esac
  "$mica" bench --arch "$shape" --weights w4a8 --picture-size 640x480 -p 512 -n 32 -r 1 -o csv < /dev/null |
    awk -F, -v repository="$repository" '
      NR == 1 { for (i = 1; i <= NF; ++i) column[$i] = i; next }
      { parameters = $column["model_n_params"]; file = $column["model_size"]
        if ($column["memory_peak_bytes"] > memory) memory = $column["memory_peak_bytes"]
        test = $column["test"] }
      test ~ /enc/ { tokens = $column["n_picture"]; seconds = $column["avg_ns"] / 1e9 }
      test ~ /pp/ { reads = $column["avg_ts"] }
      test ~ /tg/ { writes = $column["avg_ts"] }
      function number(value) { return value < 10 ? sprintf("%.2f", value) : value < 100 ? sprintf("%.1f", value) : sprintf("%.0f", value) }
      END { if (!writes) exit  # it was stopped
        gib = 1024 ^ 3
        printf "| `%s` | %s | %s | %s | %s | %s | %s | %s |\n", repository,
          parameters < 1e9 ? sprintf("%.0f M", parameters / 1e6) : sprintf("%.1f G", parameters / 1e9),
          number(file / gib), number(memory / gib), tokens ? tokens : "", tokens ? number(seconds) : "", number(reads), number(writes) }'
done
