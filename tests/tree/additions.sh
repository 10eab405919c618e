#!/bin/sh
# What it takes to add something: additions.sh SOURCE_ROOT [NAME...]. Additions are made in a scratch copy, counted, built
# and tested there. Not a test of every build: it compiles for minutes (.ci/run does it).
#   addition NAME FILES LINES   add_NAME makes the change, in the copy; test_NAME builds what shows that it works, with
#                               $ninja, and runs it. At most FILES new files, and LINES lines of those that were there are
#                               new or changed.
set -u
export LC_ALL=C.UTF-8
root=$(cd "$1" && pwd) || exit 1
shift
wanted=$*
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
copy=$work/tree
ninja="ninja -C $copy/build -j$(nproc)"
broken=0 added=

git clone -q "$root" "$copy" && (cd "$root" && git diff --binary HEAD) | (cd "$copy" && git apply --allow-empty --index) &&
  git -C "$copy" -c user.name=additions -c user.email=additions commit -q --allow-empty -m start &&
  (cd "$copy" && meson setup build -Dwerror=true -Dsimde=disabled >"$work/log" 2>&1) || { cat "$work/log"; exit 1; }

# Made on top of those before, so that all are built at once, and counted by itself.
addition() {
  name=$1 files_max=$2 lines_max=$3
  case " $wanted " in "  " | *" $name "*) ;; *) return ;; esac
  (cd "$copy" && add_"$name" && git add -A) || { echo "$name: could not be added"; broken=1; return; }
  files=$(git -C "$copy" diff --cached --name-only --diff-filter=A | wc -l)
  lines=$(git -C "$copy" diff --cached --numstat --diff-filter=M | awk '{added += $1} END {print added + 0}')
  taken=$(git -C "$copy" diff --cached --numstat | awk '{taken += $2} END {print taken + 0}')
  git -C "$copy" -c user.name=additions -c user.email=additions commit -q -m "$name"
  added="$added $name"
  echo "$name: $files new files, $lines lines"
  if [ "$files" -gt "$files_max" ] || [ "$lines" -gt "$lines_max" ] || [ "$taken" -gt "$lines_max" ]; then
    echo "$name: was to be $files_max files and $lines_max lines; $taken lines were taken away"
    broken=1
  fi
}

test_additions() {
  for name in $added; do
    if (cd "$copy" && test_"$name") >"$work/log" 2>&1; then echo "$name: works"; continue; fi
    echo "$name: does not work"
    tail -n 40 "$work/log"
    broken=1
  done
}

# A level of instructions without kernels of its own, of this architecture; the last row, so that it is what is chosen.
add_level() {
  case $(uname -m) in
    x86_64) row='additional | avx2 | x86_64 | | | ' ;;
    aarch64) row='additional | neon | aarch64 | | | ' ;;
    *) row='additional | scalar | any | | | ' ;;
  esac
  echo "$row" >>simd/levels.list
}
# It is one of the levels that are compared with scalar, and is chosen by its name.
test_level() {
  $ninja tests/kernels/mica_kernel_tests &&
    build/tests/kernels/mica_kernel_tests --level=additional --test-case='gemm: every epilogue*,harness*' |
    tee /dev/stderr | grep -q '^levels compared with scalar: additional$' &&
    build/tests/kernels/mica_kernel_tests --level=additional --test-case='gemm: every epilogue*'
}

# A GGUF type: the row that named it becomes one that has its sizes, and its file says how a block lies.
add_gguf_type() {
  sed -i '/^MICA_NAMED_TYPE("Q8_1"/d; /^MICA_STORED_TYPE(q4_1/a\
MICA_STORED_TYPE(q8_1, "Q8_1", 9, 32, 36)' simd/lists/stored_types.inc
  cat >simd/stored/q8_1_inl.hpp <<'END'
// Q8_1 (ggml's quants.h): a block is an f16 scale, an f16 of what all values sum up to, and 32 signed bytes.
#pragma once

#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::q8_1> {
  static constexpr size_t kGroup = 32;
  static constexpr bool kMinimums = false;

  static void unpack(const uint8_t* block, int8_t* codes, float* scales, float*) {
    scales[0] = load_half(block);
    std::memcpy(codes, block + 4, 32);
  }
};

}  // namespace
}  // namespace mica::simd
END
}
test_gguf_type() {
  $ninja tests/kernels/mica_kernel_tests tests/files/gguf_test &&
    build/tests/kernels/mica_kernel_tests --test-case='storage: every type*' &&
    build/tests/files/gguf_test
}

# A format of packed weights without kernels of its own: 2 bits.
add_weight_format() {
  sed -i '/^MICA_WEIGHT_FORMAT(s8/a\
MICA_WEIGHT_FORMAT(u2, "w2a8-uniform", u8, 2, -2, 1, 0, 0)' simd/lists/weight_formats.inc
  cat >simd/formats/u2_inl.hpp <<'END'
// u2: two bits u = w + 2, 16 inputs in 64 bytes of a panel: byte 4c + j holds the weights of channel c and inputs j, 4 + j,
// 8 + j and 12 + j from its low bits on.
#pragma once

#include "panel_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct PanelLayout<PanelFormat::u2> {
  static constexpr size_t kBlockInputs = 16;

  static int code(const uint8_t* block, size_t channel, size_t input) {
    return (block[4 * channel + input % 4] >> input / 4 * 2 & 3) - 2;
  }
  static void put(uint8_t* block, size_t channel, size_t input, int code) {
    uint8_t& byte = block[4 * channel + input % 4];
    byte = static_cast<uint8_t>((byte & ~(3 << input / 4 * 2)) | (code + 2) << input / 4 * 2);
  }
};

}  // namespace
}  // namespace mica::simd
END
}
# Products at every level; then the quantizer's choices, the tag in the file, and an answer.
test_weight_format() {
  $ninja tests/kernels/mica_kernel_tests apps/mica &&
    build/tests/kernels/mica_kernel_tests --test-case='gemm*,pack*' &&
    build/apps/mica quantize -m tests/data/panel/model -o two_bits.mica --calib tests/data/panel --calib-samples 2 \
      --text w2a8-uniform --vision w2a8-uniform --shared-heads w2a8-uniform --rounding nearest &&
    grep -aq '\\"u2\\":\[\|\\"u2\\": \[' two_bits.mica &&
    build/apps/mica inspect -m two_bits.mica | grep w2a8-uniform &&
    build/apps/mica run -m two_bits.mica -n 4 tests/data/panel/000.jpg "Read the dial."
}

# A family that differs in the names of its fields and tensors and in its numbers: Llama under other words.
add_family() {
  sed -i "/^families = \[/a\\  'aurora'," models/meson.build
  cat >models/aurora.cpp <<'END'
// Aurora: Llama in other words. Data only.
#include "tables.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"aurora"};
constexpr const char* kArchitectures[] = {"AuroraForCausalLM"};

constexpr DecoderSpec decoder() {
  DecoderSpec spec;
  spec.norm_epsilon = 1e-5f;
  spec.heads = 4;
  spec.kv_heads = 2;
  return spec;
}
constexpr ConfigField kFields[] = {
    {"depth", FieldKind::u32, MICA_FIELD(decoder.layers), 1, kLayersMax},
    {"width", FieldKind::u32, MICA_FIELD(decoder.hidden), 8, kHiddenMax},
};
constexpr ConfigTable kConfig[] = {{ConfigScope::text, kFields}};
constexpr DecoderKind kDecoder = {"aurora", decoder, kConfig, 2};
constexpr const DecoderKind* kDecoders[] = {&kDecoder};

constexpr TensorName kTensors[] = {
    {Slot::embedding, Section::decoder, true, "tokens"},
    {Slot::final_norm, Section::decoder, true, "norm"},
    {Slot::attention_norm, Section::decoder, true, "blocks.{}.first_layernorm"},
    {Slot::query, Section::decoder, true, "blocks.{}.self_attn.q_proj"},
    {Slot::key, Section::decoder, true, "blocks.{}.self_attn.k_proj"},
    {Slot::value, Section::decoder, true, "blocks.{}.self_attn.v_proj"},
    {Slot::output, Section::decoder, true, "blocks.{}.self_attn.o_proj"},
    {Slot::mlp_norm, Section::decoder, true, "blocks.{}.post_attention_layernorm"},
    {Slot::gate, Section::decoder, true, "blocks.{}.mlp.gate_proj"},
    {Slot::up, Section::decoder, true, "blocks.{}.mlp.up_proj"},
    {Slot::down, Section::decoder, true, "blocks.{}.mlp.down_proj"},
    {Slot::lm_head, Section::head, true, "lm_head"},
};
constexpr std::span<const TensorName> kTensorTables[] = {kTensors};
constexpr const char* kRoots[] = {"trunk."};
constexpr const char* kHead[] = {""};

}  // namespace

extern constinit const Family aurora = {
    .name = "aurora",
    .model_types = kModelTypes,
    .architectures = kArchitectures,
    .decoders = kDecoders,
    .towers = {},
    .config = {},
    .processors = {},
    .published_processor = nullptr,
    .derived = kDecoderDerivedOnly,
    .tensors = kTensorTables,
    .roots = {kRoots, kHead, {}, {}},
    .stem = {},
    .projector = {},
    .picture = {},
};

}  // namespace mica::tables
END
}
test_family() {
  $ninja apps/mica && mkdir aurora || return
  # Names of the same lengths: the header of the file keeps its size.
  sed 's/"model\.layers\./"trunk.blocks./g; s/"model\.embed_tokens\.weight"/"trunk.tokens.weight"      /
    s/"model\./"trunk./g; s/input_layernorm/first_layernorm/g' tests/data/golden/llama/model.safetensors \
    >aurora/model.safetensors
  cat >aurora/config.json <<'END'
{"model_type": "aurora", "architectures": ["AuroraForCausalLM"], "depth": 2, "width": 64, "intermediate_size": 160,
 "vocab_size": 320, "max_position_embeddings": 4096}
END
  build/apps/mica check -m aurora tests/data/golden/llama
}

addition level 0 1
addition gguf_type 1 1
addition weight_format 1 1
addition family 1 1
test_additions
exit $broken
