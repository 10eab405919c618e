#!/usr/bin/env python3
"""Adds to ../data/published_configs.json the configs below as the installed transformers writes them again. Run it in this
folder with each version (4.37.2, 4.46.3, 4.53.3, 5.24.0); needs transformers only. The texts are those of the named
repositories of Hugging Face, as published."""
import json
import os
import tempfile

import transformers

TARGET = "../data/published_configs.json"
QWEN2_VL = {
    "architectures": ["Qwen2VLForConditionalGeneration"], "attention_dropout": 0.0, "bos_token_id": 151643,
    "eos_token_id": 151645, "vision_start_token_id": 151652, "vision_end_token_id": 151653, "vision_token_id": 151654,
    "image_token_id": 151655, "video_token_id": 151656, "hidden_act": "silu", "hidden_size": 1536,
    "initializer_range": 0.02, "intermediate_size": 8960, "max_position_embeddings": 32768, "max_window_layers": 28,
    "model_type": "qwen2_vl", "num_attention_heads": 12, "num_hidden_layers": 28, "num_key_value_heads": 2,
    "rms_norm_eps": 1e-06, "rope_theta": 1000000.0, "sliding_window": 32768, "tie_word_embeddings": True,
    "torch_dtype": "bfloat16", "transformers_version": "4.41.2", "use_cache": True, "use_sliding_window": False,
    "vision_config": {"depth": 32, "embed_dim": 1280, "mlp_ratio": 4, "num_heads": 16, "in_chans": 3,
                      "hidden_size": 1536, "patch_size": 14, "spatial_merge_size": 2, "spatial_patch_size": 14,
                      "temporal_patch_size": 2},
    "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}, "vocab_size": 151936}
PUBLISHED = {
    "Qwen/Qwen2-VL-2B-Instruct": QWEN2_VL,
    "Qwen/Qwen2.5-0.5B-Instruct": {
        "architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 151643,
        "eos_token_id": 151645, "hidden_act": "silu", "hidden_size": 896, "initializer_range": 0.02,
        "intermediate_size": 4864, "max_position_embeddings": 32768, "max_window_layers": 21, "model_type": "qwen2",
        "num_attention_heads": 14, "num_hidden_layers": 24, "num_key_value_heads": 2, "rms_norm_eps": 1e-06,
        "rope_theta": 1000000.0, "sliding_window": 32768, "tie_word_embeddings": True, "torch_dtype": "bfloat16",
        "transformers_version": "4.43.1", "use_cache": True, "use_sliding_window": False, "vocab_size": 151936},
    "Qwen/Qwen3-0.6B": {
        "architectures": ["Qwen3ForCausalLM"], "attention_bias": False, "attention_dropout": 0.0,
        "bos_token_id": 151643, "eos_token_id": 151645, "head_dim": 128, "hidden_act": "silu", "hidden_size": 1024,
        "initializer_range": 0.02, "intermediate_size": 3072, "max_position_embeddings": 40960,
        "max_window_layers": 28, "model_type": "qwen3", "num_attention_heads": 16, "num_hidden_layers": 28,
        "num_key_value_heads": 8, "rms_norm_eps": 1e-06, "rope_scaling": None, "rope_theta": 1000000,
        "sliding_window": None, "tie_word_embeddings": True, "torch_dtype": "bfloat16",
        "transformers_version": "4.51.0", "use_cache": True, "use_sliding_window": False, "vocab_size": 151936},
    "meta-llama/Llama-2-7b-chat-hf": {
        "_name_or_path": "meta-llama/Llama-2-7b-chat-hf", "architectures": ["LlamaForCausalLM"], "bos_token_id": 1,
        "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 4096, "initializer_range": 0.02,
        "intermediate_size": 11008, "max_position_embeddings": 4096, "model_type": "llama",
        "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 32, "pretraining_tp": 1,
        "rms_norm_eps": 1e-05, "rope_scaling": None, "tie_word_embeddings": False, "torch_dtype": "float16",
        "transformers_version": "4.32.0.dev0", "use_cache": True, "vocab_size": 32000},
    "meta-llama/Llama-3.2-1B-Instruct": {
        "architectures": ["LlamaForCausalLM"], "attention_bias": False, "attention_dropout": 0.0,
        "bos_token_id": 128000, "eos_token_id": [128001, 128008, 128009], "head_dim": 64, "hidden_act": "silu",
        "hidden_size": 2048, "initializer_range": 0.02, "intermediate_size": 8192, "max_position_embeddings": 131072,
        "mlp_bias": False, "model_type": "llama", "num_attention_heads": 32, "num_hidden_layers": 16,
        "num_key_value_heads": 8, "pretraining_tp": 1, "rms_norm_eps": 1e-05,
        "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
                         "original_max_position_embeddings": 8192, "rope_type": "llama3"},
        "rope_theta": 500000.0, "tie_word_embeddings": True, "torch_dtype": "bfloat16",
        "transformers_version": "4.45.0.dev0", "use_cache": True, "vocab_size": 128256},
    "HuggingFaceTB/SmolLM2-135M-Instruct": {
        "architectures": ["LlamaForCausalLM"], "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 1,
        "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 576, "initializer_range": 0.041666666666666664,
        "intermediate_size": 1536, "is_llama_config": True, "max_position_embeddings": 8192, "mlp_bias": False,
        "model_type": "llama", "num_attention_heads": 9, "num_hidden_layers": 30, "num_key_value_heads": 3,
        "pad_token_id": 2, "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_interleaved": False,
        "rope_scaling": None, "rope_theta": 100000, "tie_word_embeddings": True, "torch_dtype": "bfloat16",
        "transformers_version": "4.42.3", "use_cache": True, "vocab_size": 49152,
        "transformers.js_config": {"kv_cache_dtype": {"q4f16": "float16", "fp16": "float16"}}},
    "llava-hf/llava-1.5-7b-hf": {
        "architectures": ["LlavaForConditionalGeneration"], "ignore_index": -100, "image_token_index": 32000,
        "model_type": "llava", "pad_token_id": 32001, "projector_hidden_act": "gelu",
        "text_config": {"_name_or_path": "lmsys/vicuna-7b-v1.5", "architectures": ["LlamaForCausalLM"],
                        "max_position_embeddings": 4096, "model_type": "llama", "rms_norm_eps": 1e-05,
                        "torch_dtype": "float16", "vocab_size": 32064},
        "tie_word_embeddings": False, "torch_dtype": "float16", "transformers_version": "4.36.0.dev0",
        "vision_config": {"hidden_size": 1024, "image_size": 336, "intermediate_size": 4096,
                          "model_type": "clip_vision_model", "num_attention_heads": 16, "num_hidden_layers": 24,
                          "patch_size": 14, "projection_dim": 768, "vocab_size": 32000},
        "vision_feature_layer": -2, "vision_feature_select_strategy": "default", "vocab_size": 32064},
    "llava-hf/bakLlava-v1-hf": {
        "architectures": ["LlavaForConditionalGeneration"], "ignore_index": -100, "image_token_index": 32000,
        "model_type": "llava", "pad_token_id": 32001, "projector_hidden_act": "gelu",
        "text_config": {"_name_or_path": "mistralai/Mistral-7B-v0.1", "architectures": ["MistralForCausalLM"],
                        "intermediate_size": 14336, "max_position_embeddings": 32768, "model_type": "mistral",
                        "num_key_value_heads": 8, "rms_norm_eps": 1e-05, "sliding_window": 4096,
                        "torch_dtype": "bfloat16", "vocab_size": 32064},
        "torch_dtype": "float16", "transformers_version": "4.36.0.dev0",
        "vision_config": {"hidden_size": 1024, "image_size": 336, "intermediate_size": 4096,
                          "model_type": "clip_vision_model", "num_attention_heads": 16, "num_hidden_layers": 24,
                          "patch_size": 14, "projection_dim": 768, "vocab_size": 32000},
        "vision_feature_layer": -2, "vision_feature_select_strategy": "default", "vocab_size": 32064},
    "OpenGVLab/InternVL3-1B-hf": {
        "architectures": ["InternVLForConditionalGeneration"], "downsample_ratio": 0.5, "image_seq_length": 256,
        "image_token_id": 151667, "model_type": "internvl", "projector_hidden_act": "gelu",
        "text_config": {"architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 151643,
                        "eos_token_id": 151645, "hidden_act": "silu", "hidden_size": 896, "initializer_range": 0.02,
                        "intermediate_size": 4864, "max_position_embeddings": 32768, "max_window_layers": 21,
                        "model_type": "qwen2", "num_attention_heads": 14, "num_hidden_layers": 24,
                        "num_key_value_heads": 2, "rms_norm_eps": 1e-06,
                        "rope_scaling": {"factor": 2.0, "rope_type": "dynamic", "type": "dynamic"},
                        "rope_theta": 1000000.0, "sliding_window": None, "torch_dtype": "bfloat16",
                        "use_cache": True, "use_sliding_window": False, "vocab_size": 151674},
        "torch_dtype": "bfloat16", "transformers_version": "4.52.0.dev0",
        "vision_config": {"architectures": ["InternVisionModel"], "attention_bias": True, "attention_dropout": 0.0,
                          "dropout": 0.0, "hidden_act": "gelu", "hidden_dropout_prob": 0.0, "hidden_size": 1024,
                          "image_size": [448, 448], "initializer_factor": 0.1, "initializer_range": 1e-10,
                          "intermediate_size": 4096, "layer_norm_eps": 1e-06, "layer_scale_init_value": 0.1,
                          "model_type": "internvl_vision", "norm_type": "layer_norm", "num_attention_heads": 16,
                          "num_channels": 3, "num_hidden_layers": 24, "patch_size": [14, 14],
                          "projection_dropout": 0.0, "torch_dtype": "bfloat16",
                          "use_absolute_position_embeddings": True, "use_mask_token": False,
                          "use_mean_pooling": True, "use_qk_norm": False},
        "vision_feature_layer": -1, "vision_feature_select_strategy": "default"},
    "Qwen/Qwen2.5-VL-3B-Instruct": {
        "architectures": ["Qwen2_5_VLForConditionalGeneration"], "attention_dropout": 0.0, "bos_token_id": 151643,
        "eos_token_id": 151645, "vision_start_token_id": 151652, "vision_end_token_id": 151653,
        "vision_token_id": 151654, "image_token_id": 151655, "video_token_id": 151656, "hidden_act": "silu",
        "hidden_size": 2048, "initializer_range": 0.02, "intermediate_size": 11008, "max_position_embeddings": 128000,
        "max_window_layers": 70, "model_type": "qwen2_5_vl", "num_attention_heads": 16, "num_hidden_layers": 36,
        "num_key_value_heads": 2, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0, "sliding_window": 32768,
        "tie_word_embeddings": True, "torch_dtype": "bfloat16", "transformers_version": "4.41.2", "use_cache": True,
        "use_sliding_window": False,
        "vision_config": {"depth": 32, "hidden_act": "silu", "hidden_size": 1280, "intermediate_size": 3420,
                          "num_heads": 16, "in_chans": 3, "out_hidden_size": 2048, "patch_size": 14,
                          "spatial_merge_size": 2, "spatial_patch_size": 14, "window_size": 112,
                          "fullatt_block_indexes": [7, 15, 23, 31], "tokens_per_second": 2, "temporal_patch_size": 2},
        "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}, "vocab_size": 151936},
    "Qwen/Qwen3-VL-2B-Instruct": {
        "architectures": ["Qwen3VLForConditionalGeneration"], "image_token_id": 151655, "model_type": "qwen3_vl",
        "text_config": {"attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 151643,
                        "dtype": "bfloat16", "eos_token_id": 151645, "head_dim": 128, "hidden_act": "silu",
                        "hidden_size": 2048, "initializer_range": 0.02, "intermediate_size": 6144,
                        "max_position_embeddings": 262144, "model_type": "qwen3_vl_text", "num_attention_heads": 16,
                        "num_hidden_layers": 28, "num_key_value_heads": 8, "rms_norm_eps": 1e-06,
                        "rope_scaling": {"mrope_interleaved": True, "mrope_section": [24, 20, 20],
                                         "rope_type": "default"},
                        "rope_theta": 5000000, "tie_word_embeddings": True, "use_cache": True, "vocab_size": 151936},
        "tie_word_embeddings": True, "transformers_version": "4.57.0.dev0", "video_token_id": 151656,
        "vision_config": {"deepstack_visual_indexes": [5, 11, 17], "depth": 24, "hidden_act": "gelu_pytorch_tanh",
                          "hidden_size": 1024, "in_channels": 3, "initializer_range": 0.02, "intermediate_size": 4096,
                          "model_type": "qwen3_vl", "num_heads": 16, "num_position_embeddings": 2304,
                          "out_hidden_size": 2048, "patch_size": 16, "spatial_merge_size": 2,
                          "temporal_patch_size": 2},
        "vision_end_token_id": 151653, "vision_start_token_id": 151652},
    "PaddlePaddle/PaddleOCR-VL": {
        "architectures": ["PaddleOCRVLForConditionalGeneration"], "attention_probs_dropout_prob": 0.0,
        "auto_map": {"AutoConfig": "configuration_paddleocr_vl.PaddleOCRVLConfig"}, "compression_ratio": 1.0,
        "head_dim": 128, "hidden_act": "silu", "hidden_dropout_prob": 0.0, "hidden_size": 1024, "ignored_index": -100,
        "image_token_id": 100295, "intermediate_size": 3072, "max_position_embeddings": 131072,
        "max_sequence_length": None, "model_type": "paddleocr_vl", "num_attention_heads": 16, "num_hidden_layers": 18,
        "num_key_value_heads": 2, "pad_token_id": 0, "rms_norm_eps": 1e-05,
        "rope_scaling": {"mrope_section": [16, 24, 24], "rope_type": "default", "type": "default"},
        "rope_theta": 500000, "sliding_window": None, "tie_word_embeddings": True, "torch_dtype": "bfloat16",
        "transformers_version": "4.55.0", "use_bias": False, "use_cache": False, "use_flash_attention": False,
        "video_token_id": 101307, "vision_start_token_id": 101305, "vocab_size": 103424,
        "weight_share_add_bias": True, "use_3d_rope": True, "rope_is_neox_style": True,
        "vision_config": {"architectures": ["SiglipVisionModel"], "attention_dropout": 0.0,
                          "auto_map": {"AutoConfig": "configuration_paddleocr_vl.PaddleOCRVLConfig"},
                          "hidden_act": "gelu_pytorch_tanh", "hidden_size": 1152, "image_size": 384,
                          "intermediate_size": 4304, "layer_norm_eps": 1e-06, "model_type": "paddleocr_vl",
                          "num_attention_heads": 16, "num_channels": 3, "num_hidden_layers": 27, "pad_token_id": 0,
                          "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2,
                          "tokens_per_second": 2, "torch_dtype": "bfloat16"}},
    "lightonai/LightOnOCR-1B-1025": {
        "architectures": ["LightOnOcrForConditionalGeneration"], "image_token_id": 151655, "model_type": "lighton_ocr",
        "spatial_merge_size": 2,
        "text_config": {"attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 151643,
                        "dtype": "bfloat16", "eos_token_id": 151645, "head_dim": 128, "hidden_act": "silu",
                        "hidden_size": 1024, "initializer_range": 0.02, "intermediate_size": 3072,
                        "max_position_embeddings": 40960, "max_window_layers": 28, "model_type": "qwen3",
                        "num_attention_heads": 16, "num_hidden_layers": 28, "num_key_value_heads": 8,
                        "rms_norm_eps": 1e-06, "rope_scaling": None, "rope_theta": 1000000, "sliding_window": None,
                        "tie_word_embeddings": True, "use_cache": True, "use_sliding_window": False,
                        "vocab_size": 151936},
        "tie_word_embeddings": True, "transformers_version": "4.57.0",
        "vision_config": {"attention_dropout": 0.0, "head_dim": 64, "hidden_act": "silu", "hidden_size": 1024,
                          "image_size": 1540, "initializer_range": 0.02, "intermediate_size": 4096,
                          "model_type": "pixtral", "num_attention_heads": 16, "num_channels": 3,
                          "num_hidden_layers": 24, "patch_size": 14, "rope_theta": 10000}},
    "zai-org/GLM-4.1V-9B-Thinking": {
        "architectures": ["Glm4vForConditionalGeneration"], "image_end_token_id": 151340,
        "image_start_token_id": 151339, "image_token_id": 151343, "model_type": "glm4v",
        "text_config": {"attention_bias": True, "attention_dropout": 0.0, "dtype": "bfloat16",
                        "eos_token_id": [151329, 151336, 151338, 151348], "head_dim": 128, "hidden_act": "silu",
                        "hidden_size": 4096, "initializer_range": 0.02, "intermediate_size": 13696,
                        "max_position_embeddings": 65536, "model_type": "glm4v_text", "num_attention_heads": 32,
                        "num_hidden_layers": 40, "num_key_value_heads": 2, "pad_token_id": 151329,
                        "partial_rotary_factor": 0.5, "rms_norm_eps": 1e-05,
                        "rope_scaling": {"mrope_section": [8, 12, 12], "rope_type": "default"}, "rope_theta": 10000.0,
                        "use_cache": True, "vocab_size": 151552},
        "tie_word_embeddings": False, "transformers_version": "4.57.1", "video_end_token_id": 151342,
        "video_start_token_id": 151341, "video_token_id": 151344,
        "vision_config": {"attention_bias": False, "attention_dropout": 0.0, "depth": 24, "hidden_act": "silu",
                          "hidden_dropout_prob": 0.0, "hidden_size": 1536, "image_size": 336, "in_channels": 3,
                          "initializer_range": 0.02, "intermediate_size": 13696, "model_type": "glm4v",
                          "num_heads": 12, "out_hidden_size": 4096, "patch_size": 14, "rms_norm_eps": 1e-05,
                          "spatial_merge_size": 2, "temporal_patch_size": 2}},
    "google/gemma-3-1b-it": {
        "architectures": ["Gemma3ForCausalLM"], "attention_bias": False, "attention_dropout": 0.0,
        "attn_logit_softcapping": None, "bos_token_id": 2, "cache_implementation": "hybrid",
        "eos_token_id": [1, 106], "final_logit_softcapping": None, "head_dim": 256,
        "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 1152, "initializer_range": 0.02,
        "intermediate_size": 6912, "max_position_embeddings": 32768, "model_type": "gemma3_text",
        "num_attention_heads": 4, "num_hidden_layers": 26, "num_key_value_heads": 1, "pad_token_id": 0,
        "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-06, "rope_local_base_freq": 10000, "rope_scaling": None,
        "rope_theta": 1000000, "sliding_window": 512, "sliding_window_pattern": 6, "torch_dtype": "bfloat16",
        "transformers_version": "4.50.0.dev0", "use_cache": True, "vocab_size": 262144},
    "google/gemma-3-4b-it": {
        "architectures": ["Gemma3ForConditionalGeneration"], "boi_token_index": 255999, "eoi_token_index": 256000,
        "eos_token_id": [1, 106], "image_token_index": 262144, "initializer_range": 0.02, "mm_tokens_per_image": 256,
        "model_type": "gemma3",
        "text_config": {"hidden_size": 2560, "intermediate_size": 10240, "model_type": "gemma3_text",
                        "num_hidden_layers": 34, "rope_scaling": {"factor": 8.0, "rope_type": "linear"},
                        "sliding_window": 1024},
        "torch_dtype": "bfloat16", "transformers_version": "4.50.0.dev0",
        "vision_config": {"hidden_size": 1152, "image_size": 896, "intermediate_size": 4304,
                          "model_type": "siglip_vision_model", "num_attention_heads": 16, "num_hidden_layers": 27,
                          "patch_size": 14, "vision_use_head": False}},
    "google/paligemma-3b-mix-224": {
        "architectures": ["PaliGemmaForConditionalGeneration"], "bos_token_id": 2, "eos_token_id": 1,
        "hidden_size": 2048, "image_token_index": 257152, "model_type": "paligemma", "pad_token_id": 0,
        "projection_dim": 2048,
        "text_config": {"hidden_size": 2048, "intermediate_size": 16384, "model_type": "gemma",
                        "num_attention_heads": 8, "num_hidden_layers": 18, "num_image_tokens": 256,
                        "num_key_value_heads": 1, "torch_dtype": "float32", "vocab_size": 257216},
        "torch_dtype": "float32", "transformers_version": "4.41.0.dev0",
        "vision_config": {"hidden_size": 1152, "intermediate_size": 4304, "model_type": "siglip_vision_model",
                          "num_attention_heads": 16, "num_hidden_layers": 27, "num_image_tokens": 256,
                          "patch_size": 14, "projection_dim": 2048, "projector_hidden_act": "gelu_fast",
                          "vision_use_head": False}},
    "google/gemma-2-2b-it": {
        "architectures": ["Gemma2ForCausalLM"], "attention_bias": False, "attention_dropout": 0.0,
        "attn_logit_softcapping": 50.0, "bos_token_id": 2, "cache_implementation": "hybrid", "eos_token_id": [1, 107],
        "final_logit_softcapping": 30.0, "head_dim": 256, "hidden_act": "gelu_pytorch_tanh",
        "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 2304, "initializer_range": 0.02,
        "intermediate_size": 9216, "max_position_embeddings": 8192, "model_type": "gemma2",
        "num_attention_heads": 8, "num_hidden_layers": 26, "num_key_value_heads": 4, "pad_token_id": 0,
        "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-06, "rope_theta": 10000.0, "sliding_window": 4096,
        "torch_dtype": "bfloat16", "transformers_version": "4.42.4", "use_cache": True, "vocab_size": 256000},
    "google/gemma-2b-it": {
        "architectures": ["GemmaForCausalLM"], "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 2,
        "eos_token_id": 1, "head_dim": 256, "hidden_act": "gelu", "hidden_activation": "gelu_pytorch_tanh",
        "hidden_size": 2048, "initializer_range": 0.02, "intermediate_size": 16384, "max_position_embeddings": 8192,
        "model_type": "gemma", "num_attention_heads": 8, "num_hidden_layers": 18, "num_key_value_heads": 1,
        "pad_token_id": 0, "rms_norm_eps": 1e-06, "rope_scaling": None, "rope_theta": 10000.0,
        "torch_dtype": "bfloat16", "transformers_version": "4.38.0.dev0", "use_cache": True, "vocab_size": 256000},
    "zai-org/GLM-OCR": {
        "architectures": ["GlmOcrForConditionalGeneration"], "image_end_token_id": 59257,
        "image_start_token_id": 59256, "image_token_id": 59280, "model_type": "glm_ocr",
        "text_config": {"attention_bias": False, "attention_dropout": 0.0, "dtype": "bfloat16",
                        "eos_token_id": [59246, 59253], "head_dim": 128, "hidden_act": "silu", "hidden_size": 1536,
                        "initializer_range": 0.02, "intermediate_size": 4608, "max_position_embeddings": 131072,
                        "model_type": "glm_ocr_text", "num_attention_heads": 16, "num_hidden_layers": 16,
                        "num_key_value_heads": 8, "num_nextn_predict_layers": 1, "pad_token_id": 59246,
                        "rms_norm_eps": 1e-05,
                        "rope_parameters": {"mrope_section": [16, 24, 24], "partial_rotary_factor": 1.0,
                                            "rope_theta": 10000.0, "rope_type": "default"},
                        "tie_word_embeddings": False, "use_cache": True, "vocab_size": 59392},
        "tie_word_embeddings": False, "transformers_version": "5.0.1dev0", "video_end_token_id": 59259,
        "video_start_token_id": 59258, "video_token_id": 59281,
        "vision_config": {"attention_bias": True, "attention_dropout": 0.0, "depth": 24, "hidden_act": "silu",
                          "hidden_dropout_prob": 0.0, "hidden_size": 1024, "image_size": 336, "in_channels": 3,
                          "initializer_range": 0.02, "intermediate_size": 4096, "model_type": "glm_ocr_vision",
                          "num_heads": 16, "out_hidden_size": 1536, "patch_size": 14, "rms_norm_eps": 1e-05,
                          "spatial_merge_size": 2, "temporal_patch_size": 2}},
}
# Of these the least that names the class, for whose defaults the written config stands.
BARE = [{"model_type": name} for name in ("llama", "qwen2", "qwen3", "mistral", "llava", "internvl",
                                        "gemma", "gemma2", "gemma3_text")] + [
    {"model_type": "qwen2_vl", "vision_config": {"hidden_size": 8192}},
    {"model_type": "llava", "text_config": {"model_type": "mistral"}, "vision_config": {}},
    {"model_type": "llava", "text_config": {"model_type": "qwen2"}},
    {"model_type": "internvl", "text_config": {"model_type": "qwen3"}},
    {"model_type": "qwen2_5_vl", "vision_config": {"out_hidden_size": 8192}},
    {"model_type": "qwen3_vl", "text_config": {}, "vision_config": {"out_hidden_size": 4096}},
    {"model_type": "paddleocr_vl", "vision_config": {}},
    {"model_type": "glm4v", "vision_config": {},
     "text_config": {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [8, 12, 12],
                                         "partial_rotary_factor": 0.5}}},
    {"model_type": "glm_ocr", "vision_config": {},
     "text_config": {"hidden_size": 1536, "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0,
                                                              "mrope_section": [16, 16, 16]}}},
    {"model_type": "mistral3", "text_config": {"model_type": "ministral3"}, "vision_config": {"model_type": "pixtral"}},
    {"model_type": "lighton_ocr", "text_config": {"model_type": "qwen3"}, "vision_config": {"model_type": "pixtral"}},
]


def written(config):
    config = json.loads(json.dumps(config))
    made = transformers.CONFIG_MAPPING[config.pop("model_type")](**config)
    with tempfile.TemporaryDirectory() as folder:
        made.save_pretrained(folder)
        return json.load(open(f"{folder}/config.json"))


def main():
    out = json.load(open(TARGET)) if os.path.exists(TARGET) else {"configs": {}, "defaults": []}
    version = transformers.__version__
    for name, config in PUBLISHED.items():
        out["configs"][name] = config
        if config["model_type"] not in transformers.CONFIG_MAPPING:
            continue
        try:
            out["configs"][f"{name} by {version}"] = written(config)
        except ValueError as error:  # a RoPE that this version does not know yet
            print(name, error)
    if version.startswith("5."):
        out["defaults"] = [{"bare": bare, "full": written(bare)} for bare in BARE]
    json.dump(out, open(TARGET, "w"), indent=0, sort_keys=True)


if __name__ == "__main__":
    main()
