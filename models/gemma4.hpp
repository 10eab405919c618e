// What Gemma 4's families share: names of tensors of decoder and tower, fields of configs, the picture processor. Data
// only; the decoders' classes are in gemma_decoders.cpp.
#pragma once

#include "picture_processors.hpp"
#include "tables.hpp"

namespace mica::tables {

// Of GGUF files. Which models see their pictures both ways they do not say: those that are told nothing of tokens.
inline constexpr GgufText kGemma4GgufText = {
    .model_type = "gemma4_text",
    .activation = "gelu_pytorch_tanh",
    .windows_by_class = true,
    .caps = true,
    .more = R"("layer_types": $(words gemma4.attention.sliding_window_pattern=1 sliding_attention full_attention),
  "global_head_dim": $(gemma4.attention.key_length), "head_dim": $(gemma4.attention.key_length_swa),
  "num_key_value_heads": $(where gemma4.attention.sliding_window_pattern=1 gemma4.attention.head_count_kv),
  "num_global_key_value_heads": $(where gemma4.attention.sliding_window_pattern=0 gemma4.attention.head_count_kv),
  "attention_k_eq_v": $(lacks gemma4.attention.sliding_window_pattern=0 blk.{}.attn_v.weight),
  "num_kv_shared_layers": $(gemma4.attention.shared_kv_layers|0),
  "intermediate_size": $(first gemma4.feed_forward_length),
  "use_double_wide_mlp": $(uneven gemma4.feed_forward_length),
  "hidden_size_per_layer_input": $(gemma4.embedding_length_per_layer_input|0),
  "vocab_size_per_layer_input": $(rows per_layer_token_embd.weight|1),
  "pad_token_id": $(tokenizer.ggml.padding_token_id|0),
  "use_bidirectional_attention": $(per_layer_token_embd.weight?null:"vision"),
  "rope_parameters": {
    "full_attention": {"rope_type": "proportional", "rope_theta": $(gemma4.rope.freq_base),
                       "partial_rotary_factor": $(turned rope_freqs.weight)},
    "sliding_attention": {"rope_type": "default", "rope_theta": $(gemma4.rope.freq_base_swa|10000)}},
  "rope_theta": $(gemma4.rope.freq_base))"};

inline constexpr TensorName kGemma4Tensors[] = {
    {Slot::embedding, Section::decoder, true, "embed_tokens", "token_embd"},
    {Slot::final_norm, Section::decoder, true, "norm", "output_norm"},
    {Slot::layer_input_table, Section::decoder, true, "embed_tokens_per_layer", "per_layer_token_embd"},
    {Slot::layer_input_projection, Section::decoder, true, "per_layer_model_projection", "per_layer_model_proj"},
    {Slot::layer_inputs_norm, Section::decoder, true, "per_layer_projection_norm", "per_layer_proj_norm"},
    {Slot::attention_norm, Section::decoder, true, "layers.{}.input_layernorm", "blk.{}.attn_norm"},
    {Slot::query, Section::decoder, true, "layers.{}.self_attn.q_proj", "blk.{}.attn_q"},
    {Slot::key, Section::decoder, true, "layers.{}.self_attn.k_proj", "blk.{}.attn_k"},
    {Slot::value, Section::decoder, true, "layers.{}.self_attn.v_proj", "blk.{}.attn_v"},
    {Slot::output, Section::decoder, true, "layers.{}.self_attn.o_proj", "blk.{}.attn_output"},
    {Slot::query_norm, Section::decoder, true, "layers.{}.self_attn.q_norm", "blk.{}.attn_q_norm"},
    {Slot::key_norm, Section::decoder, true, "layers.{}.self_attn.k_norm", "blk.{}.attn_k_norm"},
    {Slot::attention_post_norm, Section::decoder, true, "layers.{}.post_attention_layernorm",
     "blk.{}.post_attention_norm"},
    {Slot::mlp_norm, Section::decoder, true, "layers.{}.pre_feedforward_layernorm", "blk.{}.ffn_norm"},
    {Slot::gate, Section::decoder, true, "layers.{}.mlp.gate_proj", "blk.{}.ffn_gate"},
    {Slot::up, Section::decoder, true, "layers.{}.mlp.up_proj", "blk.{}.ffn_up"},
    {Slot::down, Section::decoder, true, "layers.{}.mlp.down_proj", "blk.{}.ffn_down"},
    {Slot::mlp_post_norm, Section::decoder, true, "layers.{}.post_feedforward_layernorm", "blk.{}.post_ffw_norm"},
    {Slot::layer_input_gate, Section::decoder, true, "layers.{}.per_layer_input_gate", "blk.{}.inp_gate"},
    {Slot::layer_input_out, Section::decoder, true, "layers.{}.per_layer_projection", "blk.{}.proj"},
    {Slot::layer_input_norm, Section::decoder, true, "layers.{}.post_per_layer_input_norm", "blk.{}.post_norm"},
    {Slot::layer_scale, Section::decoder, true, "layers.{}.layer_scalar", "blk.{}.layer_output_scale.weight"},
    {Slot::lm_head, Section::head, false, "lm_head", "output"},
};

// Behind a tower, or what stands in its place.
inline constexpr TensorName kGemma4Projector[] = {
    {Slot::projector_down, Section::projector, true, "embedding_projection", "mm.input_projection"},
};
inline constexpr const char* kGemma4ProjectorRoots[] = {"model.embed_vision.", "embed_vision."};

// Ears, which mica does not run: no question has sound; and the steps of a quantized cache, which transformers does not
// read either.
inline constexpr const char* kGemma4Unread[] = {"model.audio_tower.*", "model.embed_audio.*", "audio_tower.*",
                                                "a.*", "mm.a.*",  // of GGUF files
                                                "embed_audio.*",       "*.k_cache_scale",     "*.v_cache_scale"};

inline constexpr ConfigField kGemma4Root[] = {
    {"image_token_id", FieldKind::i32, MICA_FIELD(picture_token), 0, kVocabularyMax},
    kVideoToken,
    no_effect("boi_token_id|eoi_token_id"),
    no_effect("audio_config|audio_token_id|boa_token_id|eoa_token_id|eoa_token_index"),
};

inline constexpr ProcessorField kGemma4ProcessorFields[] = {
    {"max_soft_tokens", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(max_image_tokens), 1, 1e6},
    {"patch_size", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(patch_size), 1, 256},
    {"pooling_kernel_size", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(merge_size), 1, 16},
    {"size", ProcessorFieldKind::no_effect},  // the budget says it
};
inline constexpr std::span<const ProcessorField> kGemma4ProcessorTables[] = {kProcessorFields, kNoCropFields,
                                                                             kGemma4ProcessorFields};

constexpr ProcessorValues gemma4_values() {
  ProcessorValues values;
  values.do_normalize = false;
  values.max_image_tokens = 280;
  values.patch_size = 16;
  values.merge_size = 3;
  return values;
}

inline constexpr PicturePiece kGemma4Picture[] = {
    {PicturePiece::Kind::control, "<|image>"},
    {PicturePiece::Kind::tokens},
    {PicturePiece::Kind::control, "<image|>"},
};

// ---- GGUF files of a text and its projector

// What stands before the decoder, by the class and the family.
#define MICA_GEMMA4_GGUF(class_name, family)                                                                           \
  R"json({"architectures": [")json" class_name R"json("], "model_type": ")json" family R"json(", )json"                \
  R"json("image_token_id": $(token <|image|>), "video_token_id": $(token <|video|>), "text_config": $(text), )json"

// They say nothing of the budget of a picture: that of the class, which is a family's first.
inline constexpr const char* kGemma4GgufProcessor = R"json({
  "patch_size": $(clip.vision.patch_size),
  "pooling_kernel_size": $(clip.vision.projector.scale_factor|3), "image_mean": $(clip.vision.image_mean),
  "image_std": $(clip.vision.image_std)})json";

// ---- videos

inline constexpr std::span<const ProcessorField> kGemma4FrameTables[] = {kProcessorFields, kNoCropFields,
                                                                         kGemma4ProcessorFields, kVideoFields};
constexpr ProcessorValues gemma4_frame_values() {
  ProcessorValues values = gemma4_values();
  values.do_normalize = true;
  values.max_image_tokens = 70;
  return values;
}
inline constexpr FrameSampling kGemma4Sampling = {.frames = 32};

inline constexpr PicturePiece kGemma4Video[] = {
    {PicturePiece::Kind::text, "{clock} ", PieceOf::video},
    {PicturePiece::Kind::text, " {clock} ", PieceOf::frame_but_first},
    {PicturePiece::Kind::control, "<|image>", PieceOf::frame},
    {PicturePiece::Kind::tokens, nullptr, PieceOf::frame},
    {PicturePiece::Kind::control, "<image|>", PieceOf::frame},
};
inline constexpr const char* kGemma4VideoInTemplate = "<|video|>";

}  // namespace mica::tables
