"""A published shape with random weights as llama.cpp's files have it: llama_shape.py FOLDER.

Writes the shape of Qwen2-VL-2B: text.gguf, its matrices Q4_0 and its embedding, which is its head too, Q6_K, as
llama-quantize makes them; and tower.gguf in F16, the fastest that llama.cpp offers a tower. Files that are there stay.
Nothing that it says has a meaning: mica bench --arch qwen2-vl-2b has the same shape. Wants the packages gguf and numpy.
"""
import os
import sys

import gguf
import numpy as np

LAYERS, HIDDEN, HEADS, KV_HEADS, FEED_FORWARD, VOCABULARY = 28, 1536, 12, 2, 8960, 151936
TOWER_LAYERS, TOWER_HIDDEN, TOWER_HEADS, TOWER_FEED_FORWARD, PATCH, MERGED = 32, 1280, 16, 5120, 14, 4
HEAD = HIDDEN // HEADS
CONTEXT = 32768
BYTES_OF = {gguf.GGMLQuantizationType.Q4_0: (32, 18), gguf.GGMLQuantizationType.Q6_K: (256, 210)}  # weights, bytes
random = np.random.default_rng(1)


def small_scales(rows, blocks):
    """So that sums stay finite through all layers: float16 of about 0.002."""
    return (random.random((rows, blocks, 1), dtype=np.float32) * 0.001 + 0.0015).astype(np.float16).view(np.uint8)


def add_blocks(writer, name, rows, columns, kind):
    weights, size = BYTES_OF[kind]
    blocks = columns // weights
    values = random.integers(0, 256, (rows, blocks, size - 2), dtype=np.uint8)
    scales = small_scales(rows, blocks)
    # Q4_0 begins with its scale, Q6_K ends with it.
    parts = [scales, values] if kind == gguf.GGMLQuantizationType.Q4_0 else [values, scales]
    raw = np.concatenate(parts, axis=2).reshape(rows, blocks * size)
    writer.add_tensor(name, raw, raw_dtype=kind)


def add_floats(writer, name, shape, kind, around=0.0):
    writer.add_tensor(name, (random.standard_normal(shape, dtype=np.float32) * 0.02 + around).astype(kind))


def add_vocabulary(writer):
    """The letters that bytes are written with, the words around a picture, and names without a meaning."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = plain + [256 + i for i in range(256 - len(plain))]
    marks = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|im_start|>", "<|im_end|>", "<|endoftext|>"]
    words = [chr(letter) for letter in letters] + ["ab"] + marks
    kinds = [gguf.TokenType.NORMAL] * (len(letters) + 1) + [gguf.TokenType.CONTROL] * len(marks)
    fillers = VOCABULARY - len(words)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(words + [f"w{i}" for i in range(fillers)])
    writer.add_token_types(kinds + [gguf.TokenType.NORMAL] * fillers)
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(len(words) - 1)


def write_text(path):
    writer = gguf.GGUFWriter(path, "qwen2vl")
    writer.add_block_count(LAYERS)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_freq_base(1e6)
    writer.add_rope_dimension_sections([16, 24, 24, 0])
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)
    add_vocabulary(writer)
    q4, q6 = BYTES_OF
    add_blocks(writer, "token_embd.weight", VOCABULARY, HIDDEN, q6)
    add_floats(writer, "output_norm.weight", (HIDDEN,), np.float32, 1)
    for layer in range(LAYERS):
        name = f"blk.{layer}."
        for norm in ("attn_norm", "ffn_norm"):
            add_floats(writer, f"{name}{norm}.weight", (HIDDEN,), np.float32, 1)
        for part, channels in (("q", HIDDEN), ("k", KV_HEADS * HEAD), ("v", KV_HEADS * HEAD)):
            add_blocks(writer, f"{name}attn_{part}.weight", channels, HIDDEN, q4)
            add_floats(writer, f"{name}attn_{part}.bias", (channels,), np.float32)
        add_blocks(writer, f"{name}attn_output.weight", HIDDEN, HIDDEN, q4)
        add_blocks(writer, f"{name}ffn_gate.weight", FEED_FORWARD, HIDDEN, q4)
        add_blocks(writer, f"{name}ffn_up.weight", FEED_FORWARD, HIDDEN, q4)
        add_blocks(writer, f"{name}ffn_down.weight", HIDDEN, FEED_FORWARD, q4)
    finish(writer)


def write_tower(path):
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", "qwen2vl_merger")
    writer.add_bool("clip.use_gelu", False)  # quick GELU
    for key, value in (("image_size", 560), ("patch_size", PATCH), ("embedding_length", TOWER_HIDDEN),
                       ("feed_forward_length", TOWER_FEED_FORWARD), ("projection_dim", HIDDEN),
                       ("attention.head_count", TOWER_HEADS), ("block_count", TOWER_LAYERS)):
        writer.add_uint32(f"clip.vision.{key}", value)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-6)
    writer.add_array("clip.vision.image_mean", [0.48145466, 0.4578275, 0.40821073])
    writer.add_array("clip.vision.image_std", [0.26862954, 0.26130258, 0.27577711])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)

    def linear(name, channels, inputs):
        add_floats(writer, f"{name}.weight", (channels, inputs), np.float16)
        add_floats(writer, f"{name}.bias", (channels,), np.float32)

    def norm(name):
        add_floats(writer, f"{name}.weight", (TOWER_HIDDEN,), np.float32, 1)
        add_floats(writer, f"{name}.bias", (TOWER_HIDDEN,), np.float32)

    for name in ("v.patch_embd.weight", "v.patch_embd.weight.1"):
        add_floats(writer, name, (TOWER_HIDDEN, 3, PATCH, PATCH), np.float16)
    for layer in range(TOWER_LAYERS):
        name = f"v.blk.{layer}."
        for part in ("q", "k", "v", "out"):
            linear(f"{name}attn_{part}", TOWER_HIDDEN, TOWER_HIDDEN)
        linear(f"{name}ffn_up", TOWER_FEED_FORWARD, TOWER_HIDDEN)
        linear(f"{name}ffn_down", TOWER_HIDDEN, TOWER_FEED_FORWARD)
        norm(f"{name}ln1")
        norm(f"{name}ln2")
    norm("v.post_ln")
    linear("mm.0", MERGED * TOWER_HIDDEN, MERGED * TOWER_HIDDEN)
    linear("mm.2", HIDDEN, MERGED * TOWER_HIDDEN)
    finish(writer)


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    os.makedirs(sys.argv[1], exist_ok=True)
    for name, write in (("text.gguf", write_text), ("tower.gguf", write_tower)):
        path = os.path.join(sys.argv[1], name)
        if not os.path.exists(path):
            write(path + ".part")
            os.rename(path + ".part", path)


main()
