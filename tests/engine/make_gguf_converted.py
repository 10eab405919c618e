"""Writes tests/data/gguf/FAMILY-text.gguf and FAMILY-mmproj.gguf of golden checkpoints with llama.cpp's own converter.

python3 make_gguf_converted.py LLAMA_CPP GOLDEN OUT TYPE FAMILY... where LLAMA_CPP is its source tree, TYPE f32, f16 or
q8_0, and a family with "+" behind its name is its tower. Needs torch and transformers. The vocabularies are toys with
the tokens that prompts have: checkpoints carry none.
"""
import json
import shutil
import sys
import tempfile
from pathlib import Path

LLAMA_CPP, GOLDEN, OUT = (Path(path) for path in sys.argv[1:4])
sys.path[:0] = [str(LLAMA_CPP), str(LLAMA_CPP / "gguf-py")]

import gguf  # noqa: E402
import torch  # noqa: E402
from conversion import get_model_class  # noqa: E402
from conversion.base import ModelBase, ModelType, get_model_architecture  # noqa: E402

TYPES = {"f32": gguf.LlamaFileType.ALL_F32, "f16": gguf.LlamaFileType.MOSTLY_F16,
         "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0}
GEMMA4 = {300: "<|image|>", 301: "<|video|>", 304: "<|image>", 305: "<image|>"}
GLM = {300: "<|image|>", 301: "<|video|>", 302: "<|begin_of_image|>", 303: "<|end_of_image|>",
       304: "<|begin_of_video|>", 305: "<|end_of_video|>"}
TOKENS = {
    "gemma4": GEMMA4, "gemma4_dense": GEMMA4, "gemma4_unified": GEMMA4, "glm4v": GLM, "glm_ocr": GLM,
    "qwen3_5": {300: "<|image_pad|>", 301: "<|video_pad|>", 302: "<|vision_start|>", 303: "<|vision_end|>"},
    "mistral3": {300: "[IMG]", 301: "[IMG_BREAK]", 302: "[IMG_END]"},
    "paddleocr_vl": {300: "<|IMAGE_PLACEHOLDER|>", 302: "<|IMAGE_START|>", 303: "<|IMAGE_END|>"},
    "lfm2_vl": {300: "<image>"},
    "minicpmv4_6": {300: "<|image_pad|>", 301: "<|video_pad|>"},
}


def toy_vocabulary(special):
    def set_vocab(self):
        count = self.hparams["vocab_size"]
        tokens, types = [f"t{i}" for i in range(count)], [1] * count
        tokens[:3] = ["a", "b", "ab"]
        for place, text in special.items():
            tokens[place], types[place] = text, 3
        self.gguf_writer.add_tokenizer_model("gpt2")
        self.gguf_writer.add_tokenizer_pre("qwen2")
        self.gguf_writer.add_token_list(tokens)
        self.gguf_writer.add_token_types(types)
        self.gguf_writer.add_token_merges(["a b"])
    return set_vocab


def complete(name, tower, config):
    """What published checkpoints have and the toys lack."""
    text = config.get("text_config", config)
    if name == "lfm2_vl" and not tower:
        text["architectures"] = ["Lfm2ForCausalLM"]
    if name in ("qwen3_5", "minicpmv4_6"):
        text["mtp_num_hidden_layers"] = 0
    if name == "glm_ocr":
        text["num_nextn_predict_layers"] = 1
    if name == "paddleocr_vl" and tower:
        config["architectures"] = config["vision_config"]["architectures"] = ["PaddleOCRVisionModel"]
    if name == "gemma4_unified" and tower:
        config["audio_config"] = {"hidden_size": 48, "audio_embed_dim": 48, "audio_samples_per_token": 640,
                                  "num_hidden_layers": 0, "num_attention_heads": 1, "intermediate_size": 1}


def convert(name, tower, kind):
    folder = Path(tempfile.mkdtemp())
    for path in (GOLDEN / name).iterdir():
        if path.suffix in (".json", ".safetensors") and not path.name.startswith("golden"):
            shutil.copy(path, folder / path.name)
    special = TOKENS.get(name, {})
    config = json.loads((folder / "config.json").read_text())
    complete(name, tower, config)
    (folder / "config.json").write_text(json.dumps(config))
    added = {str(place): {"content": text} for place, text in special.items()}
    (folder / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": added}))
    (folder / "tokenizer.json").write_text(json.dumps(
        {"model": {"type": "BPE", "vocab": {f"t{i}": i for i in range(320)}, "merges": []}, "added_tokens": []}))
    architecture = get_model_architecture(ModelBase.load_hparams(folder, False),
                                          ModelType.MMPROJ if tower else ModelType.TEXT)
    model = get_model_class(architecture, mmproj=tower)
    classes = list(model.__mro__) + list(getattr(model, "Ministral3Model", object).__mro__)
    for one in classes:
        if "set_vocab" in vars(one):
            one.set_vocab = toy_vocabulary(special)
    if name in ("qwen3_5", "minicpmv4_6") and not tower:
        model.no_mtp = True
    path = OUT / f"{name}-{'mmproj' if tower else 'text'}.gguf"
    with torch.inference_mode():
        model(dir_model=folder, ftype=TYPES[kind], fname_out=path).write()
    shutil.rmtree(folder)


for family in sys.argv[5:]:
    convert(family.rstrip("+"), family.endswith("+"), sys.argv[4])
