#!/usr/bin/env python3
"""Writes ../data/config_cases.json and .safetensors: changes of config.json over the checkpoints of ../data/golden, and the
logits that transformers (5.24, float32, CPU) then gives at the last two positions. Run it in this folder after adding a
case; needs torch, transformers, safetensors, numpy."""
import json
import os
import shutil
import tempfile

import numpy as np
import torch
import transformers
from safetensors.numpy import load_file, save_file

GOLDEN = "../data/golden"
YARN = {"rope_theta": 10000.0, "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}


def yarn(**more):
    return {"/rope_parameters": YARN | more, "/max_position_embeddings": 128}


def scaled(**values):
    return {"/rope_parameters": {"rope_theta": 10000.0} | values}


# (family, JSON pointers and values, JSON pointers that are removed, K of the golden case or None: text without pictures)
CASES = [
    ("llama", scaled(rope_type="linear", factor=4.0), [], None),
    ("llama", {"/rope_scaling": {"type": "linear", "factor": 2.0}, "/rope_theta": 500.0}, ["/rope_parameters"], None),
    ("llama", scaled(rope_type="dynamic", factor=3.0) | {"/max_position_embeddings": 16}, [], None),
    ("llama", scaled(rope_type="dynamic", factor=3.0) | {"/max_position_embeddings": 64}, [], None),
    ("llama", yarn(), [], None),
    ("llama", yarn(beta_fast=8, beta_slow=2), [], None),
    ("llama", yarn(attention_factor=0.7), [], None),
    ("llama", yarn(mscale=1.4, mscale_all_dim=0.6), [], None),
    ("llama", yarn(mscale=1.4), [], None),
    ("llama", yarn(truncate=False), [], None),
    ("llama", yarn() | {"/original_max_position_embeddings": 16}, [], None),
    ("llama", {"/rope_parameters": {"rope_theta": 10000.0, "rope_type": "yarn", "factor": 4.0}}, [], None),
    ("llama", scaled(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                     original_max_position_embeddings=32), [], None),
    ("llama", {"/rope_parameters/rope_theta": 100.0}, [], None),
    ("llama", {"/rms_norm_eps": 0.01}, [], None),
    ("llama", {}, ["/rms_norm_eps", "/rope_parameters", "/max_position_embeddings", "/hidden_act", "/head_dim"], None),
    ("llama", {"/hidden_act": "gelu"}, [], None),
    ("llama", {"/tie_word_embeddings": True}, [], None),
    ("llama", {"/attention_bias": True, "/mlp_bias": True}, [], None),
    ("llama", {"/sliding_window": 4, "/eos_token_id": [-1]}, [], None),
    ("llama", {"/model_type": "mistral", "/architectures": ["MistralForCausalLM"], "/sliding_window": None}, [], None),
    ("llama", {"/model_type": "mistral", "/architectures": ["MistralForCausalLM"], "/sliding_window": 512}, [], None),
    ("llama", {"/model_type": "mistral", "/architectures": ["MistralForCausalLM"]}, [], None),
    ("qwen2", {"/use_sliding_window": True, "/sliding_window": 40960}, ["/layer_types"], None),
    ("qwen2", {"/use_sliding_window": True, "/sliding_window": 8, "/max_window_layers": 2}, ["/layer_types"], None),
    ("qwen2", {"/use_sliding_window": True, "/sliding_window": 8, "/max_window_layers": 0}, [], None),
    ("qwen2", {"/rope_parameters": YARN, "/max_position_embeddings": 128}, [], None),
    ("qwen2", {"/rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32},
               "/max_position_embeddings": 128, "/rope_theta": 10000.0}, ["/rope_parameters"], None),
    ("qwen2", {}, ["/rope_parameters", "/rms_norm_eps", "/max_window_layers", "/use_sliding_window"], None),
    ("qwen3", {"/rope_parameters": YARN, "/max_position_embeddings": 128}, [], None),
    ("qwen3", {}, ["/rope_parameters", "/rms_norm_eps"], None),
    ("qwen2_vl", {"/text_config/rope_parameters/rope_type": "yarn", "/text_config/rope_parameters/factor": 4.0,
                  "/text_config/rope_parameters/original_max_position_embeddings": 32}, [], 1),
    ("qwen2_vl", {}, ["/text_config/rms_norm_eps", "/text_config/rope_parameters/rope_theta"], 1),
    ("qwen2_vl", {"/text_config/rope_parameters/rope_type": "dynamic", "/text_config/rope_parameters/factor": 2.0,
                  "/text_config/max_position_embeddings": 8}, [], 1),
    ("qwen2_vl", {"/vision_config/hidden_act": "gelu"}, [], 1),
    ("qwen2_vl", {"/vision_config/rope_parameters/rope_theta": 100.0}, [], 1),
    ("qwen2_vl", {}, ["/vision_config/rope_parameters", "/vision_config/hidden_act", "/vision_config/mlp_ratio"], 1),
    ("llava", {"/text_config/model_type": "mistral", "/text_config/sliding_window": None},
     ["/text_config/attention_bias", "/text_config/mlp_bias"], 1),
    ("llava", {"/text_config/rope_parameters": YARN, "/text_config/max_position_embeddings": 128}, [], 1),
    ("llava", {"/vision_feature_layer": [-2]}, [], 1),
    ("llava", {"/vision_feature_layer": -1}, [], 1),
    ("llava", {"/vision_feature_layer": 1}, [], 1),
    ("llava", {"/projector_hidden_act": "gelu_pytorch_tanh"}, [], 1),
    ("llava", {"/multimodal_projector_bias": False}, [], 1),
    ("llava", {"/vision_config/hidden_act": "gelu", "/vision_config/layer_norm_eps": 0.01}, [], 1),
    ("llava", {}, ["/vision_config/hidden_act", "/vision_config/layer_norm_eps", "/vision_feature_layer"], 1),
    ("internvl", {"/vision_config/attention_bias": False}, [], 1),
    ("internvl", {}, ["/vision_config/attention_bias", "/vision_config/layer_norm_eps"], 1),
    ("internvl", {"/vision_feature_layer": -2}, [], 1),
    ("internvl", {"/vision_feature_layer": 3}, [], 1),
    ("internvl", {"/vision_config/hidden_act": "gelu_pytorch_tanh"}, [], 1),
    ("internvl", {}, ["/text_config/rope_parameters", "/text_config/model_type", "/tie_word_embeddings"], 1),
]


def place(config, pointer):
    *parents, key = pointer.strip("/").split("/")
    for parent in parents:
        config = config[parent]
    return config, key


def logits_of(folder, ids, golden):
    config = transformers.AutoConfig.from_pretrained(folder)
    model = getattr(transformers, config.architectures[0]).from_pretrained(folder, dtype=torch.float32,
                                                                           attn_implementation="eager").eval()
    inputs = {"input_ids": torch.tensor(ids[None].astype(np.int64))}
    if golden is not None:
        inputs["pixel_values"] = torch.tensor(golden["pixel_values"])
        if "image_grid_thw" in golden:
            inputs["image_grid_thw"] = torch.tensor(golden["image_grid_thw"].astype(np.int64).reshape(-1, 3))
            inputs["mm_token_type_ids"] = (inputs["input_ids"] == config.image_token_id).int()
    with torch.no_grad():
        return model(**inputs).logits[0, -2:].float().numpy()


def main():
    described, tensors = [], {}
    for number, (family, values, removed, k) in enumerate(CASES):
        with tempfile.TemporaryDirectory() as folder:
            for name in os.listdir(f"{GOLDEN}/{family}"):
                if not name.startswith("golden_"):
                    shutil.copy(f"{GOLDEN}/{family}/{name}", folder)
            config = json.load(open(f"{folder}/config.json"))
            for pointer in removed:
                at, key = place(config, pointer)
                del at[key]
            for pointer, value in values.items():
                at, key = place(config, pointer)
                at[key] = value
            json.dump(config, open(f"{folder}/config.json", "w"))
            golden = load_file(f"{GOLDEN}/{family}/golden_{k}.safetensors") if k is not None else None
            ids = golden["input_ids"] if golden else np.random.default_rng(number).integers(3, 290, 40).astype(np.int32)
            tensors[f"logits_{number}"] = np.ascontiguousarray(logits_of(folder, ids, golden))
            described.append({"family": family, "set": values, "remove": removed, "golden": k, "ids": ids.tolist()})
    json.dump(described, open("../data/config_cases.json", "w"), indent=0)
    save_file(tensors, "../data/config_cases.safetensors")


if __name__ == "__main__":
    main()
