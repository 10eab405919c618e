// What Gemma 4's families share: names of tensors of decoder and tower, fields of configs, the picture processor. Data
// only; the decoders' classes are in gemma_decoders.cpp.
#pragma once

#include "picture_processors.hpp"
#include "tables.hpp"

namespace mica::tables {

inline constexpr TensorName kGemma4Tensors[] = {
    {Slot::embedding, Section::decoder, true, "embed_tokens"},
    {Slot::final_norm, Section::decoder, true, "norm"},
    {Slot::layer_input_table, Section::decoder, true, "embed_tokens_per_layer"},
    {Slot::layer_input_projection, Section::decoder, true, "per_layer_model_projection"},
    {Slot::layer_inputs_norm, Section::decoder, true, "per_layer_projection_norm"},
    {Slot::attention_norm, Section::decoder, true, "layers.{}.input_layernorm"},
    {Slot::query, Section::decoder, true, "layers.{}.self_attn.q_proj"},
    {Slot::key, Section::decoder, true, "layers.{}.self_attn.k_proj"},
    {Slot::value, Section::decoder, true, "layers.{}.self_attn.v_proj"},
    {Slot::output, Section::decoder, true, "layers.{}.self_attn.o_proj"},
    {Slot::query_norm, Section::decoder, true, "layers.{}.self_attn.q_norm"},
    {Slot::key_norm, Section::decoder, true, "layers.{}.self_attn.k_norm"},
    {Slot::attention_post_norm, Section::decoder, true, "layers.{}.post_attention_layernorm"},
    {Slot::mlp_norm, Section::decoder, true, "layers.{}.pre_feedforward_layernorm"},
    {Slot::gate, Section::decoder, true, "layers.{}.mlp.gate_proj"},
    {Slot::up, Section::decoder, true, "layers.{}.mlp.up_proj"},
    {Slot::down, Section::decoder, true, "layers.{}.mlp.down_proj"},
    {Slot::mlp_post_norm, Section::decoder, true, "layers.{}.post_feedforward_layernorm"},
    {Slot::layer_input_gate, Section::decoder, true, "layers.{}.per_layer_input_gate"},
    {Slot::layer_input_out, Section::decoder, true, "layers.{}.per_layer_projection"},
    {Slot::layer_input_norm, Section::decoder, true, "layers.{}.post_per_layer_input_norm"},
    {Slot::layer_scale, Section::decoder, true, "layers.{}.layer_scalar"},
    {Slot::lm_head, Section::head, false, "lm_head"},
};

// Behind a tower, or what stands in its place.
inline constexpr TensorName kGemma4Projector[] = {
    {Slot::projector_down, Section::projector, true, "embedding_projection"},
};
inline constexpr const char* kGemma4ProjectorRoots[] = {"model.embed_vision.", "embed_vision."};

// Ears, which mica does not run: no question has sound; and the steps of a quantized cache, which transformers does not
// read either.
inline constexpr const char* kGemma4Unread[] = {"model.audio_tower.*", "model.embed_audio.*", "audio_tower.*",
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
