// What GLM-4.1V and GLM-OCR share: the decoder's names, the tower's fields and names, the projector's steps, how a picture
// stands in a prompt. Data; what each has of its own is in its file.
#pragma once

#include "picture_processors.hpp"
#include "tables.hpp"

namespace mica::tables {

inline constexpr TensorName kGlmDecoderTensors[] = {
    {Slot::embedding, Section::decoder, true, "embed_tokens"},
    {Slot::final_norm, Section::decoder, true, "norm"},
    {Slot::attention_norm, Section::decoder, true, "layers.{}.input_layernorm"},
    {Slot::query, Section::decoder, true, "layers.{}.self_attn.q_proj"},
    {Slot::key, Section::decoder, true, "layers.{}.self_attn.k_proj"},
    {Slot::value, Section::decoder, true, "layers.{}.self_attn.v_proj"},
    {Slot::output, Section::decoder, true, "layers.{}.self_attn.o_proj"},
    {Slot::attention_post_norm, Section::decoder, true, "layers.{}.post_self_attn_layernorm"},
    {Slot::mlp_norm, Section::decoder, true, "layers.{}.post_attention_layernorm"},
    {.slot = Slot::gate, .section = Section::decoder, .required = true, .pattern = "layers.{}.mlp.gate_up_proj",
     .stored = Stored::first_half},
    {.slot = Slot::up, .section = Section::decoder, .required = true, .pattern = "layers.{}.mlp.gate_up_proj",
     .stored = Stored::second_half},
    {Slot::down, Section::decoder, true, "layers.{}.mlp.down_proj"},
    {Slot::mlp_post_norm, Section::decoder, true, "layers.{}.post_mlp_layernorm"},
    {Slot::lm_head, Section::head, false, "lm_head"},
};

inline constexpr TensorName kGlmTowerTensors[] = {
    {Slot::patch_embedding, Section::vision, true, "patch_embed.proj"},
    {Slot::attention_norm, Section::vision, true, "blocks.{}.norm1"},
    {Slot::qkv, Section::vision, true, "blocks.{}.attn.qkv"},
    {Slot::output, Section::vision, true, "blocks.{}.attn.proj"},
    {Slot::mlp_norm, Section::vision, true, "blocks.{}.norm2"},
    {Slot::gate, Section::vision, true, "blocks.{}.mlp.gate_proj"},
    {Slot::up, Section::vision, true, "blocks.{}.mlp.up_proj"},
    {Slot::down, Section::vision, true, "blocks.{}.mlp.down_proj"},
    {Slot::post_norm, Section::vision, true, "post_layernorm"},
    {.slot = Slot::projector_merge, .section = Section::projector, .required = true, .pattern = "downsample",
     .stored = Stored::channels_outer},
    {Slot::projector_first, Section::projector, true, "merger.proj"},
    {Slot::projector_inner_norm, Section::projector, true, "merger.post_projection_norm"},
    {Slot::projector_gate, Section::projector, true, "merger.gate_proj"},
    {Slot::projector_up, Section::projector, true, "merger.up_proj"},
    {Slot::projector_down, Section::projector, true, "merger.down_proj"},
};
inline constexpr const char* kGlmVisionRoots[] = {"model.visual.", "visual."};

inline constexpr ConfigField kGlmRoot[] = {
    {"image_token_id", FieldKind::i32, MICA_FIELD(picture_token), 0, kVocabularyMax},
    // Prompts name them by their texts.
    no_effect("image_start_token_id|image_end_token_id"),
};

inline constexpr ConfigField kGlmTower[] = {
    {"depth|num_hidden_layers", FieldKind::u32, MICA_FIELD(vision.layers), 1, kLayersMax},
    {"hidden_size", FieldKind::u32, MICA_FIELD(vision.hidden), 8, kHiddenMax},
    {"out_hidden_size", FieldKind::u32, MICA_FIELD(vision.output), 8, kHiddenMax},
    {"num_heads|num_attention_heads", FieldKind::u32, MICA_FIELD(vision.heads), 1, kHeadsMax},
    {"patch_size", FieldKind::square_u32, MICA_FIELD(vision.patch), 1, 256},
    {"temporal_patch_size", FieldKind::square_u32, MICA_FIELD(vision.temporal), 1, 8},
    {"spatial_merge_size", FieldKind::u32, MICA_FIELD(vision.merge), 1, 16},
    {"hidden_act", FieldKind::choice, MICA_FIELD(vision.activation), 0, 0, false, kActivations},
    {"hidden_act", FieldKind::choice, MICA_FIELD(vision.gate_activation), 0, 0, false, kActivations},
    {"rms_norm_eps", FieldKind::f32, MICA_FIELD(vision.norm_epsilon), 0, 0.1},
    {"rms_norm_eps", FieldKind::f32, MICA_FIELD(vision.head_norm_epsilon), 0, 0.1},
    {"attention_bias", FieldKind::boolean, MICA_FIELD(vision.qkv_bias)},
    {"rope_theta", FieldKind::f32, MICA_FIELD(vision.rope_theta), 1, 1e12},
    only("in_channels", kOnlyThree),
};

// Patches of a square follow each other (PictureLayout::patches).
inline constexpr Step kGlmProjector[] = {
    {Op::norm, Slot::post_norm},
    {Op::join},
    {Op::linear, Slot::projector_merge},
    {Op::linear, Slot::projector_first},
    {Op::norm, Slot::projector_inner_norm},
    {Op::activate},
    {Op::glu, Slot::projector_gate, nullptr, Slot::projector_up},
    {Op::linear, Slot::projector_down},
};

inline constexpr std::span<const ProcessorField> kGlmProcessorTables[] = {kProcessorFields, kNoCropFields, kOneSize,
                                                                          kPatchFields};
// Of both names; pixels count both frames.
inline constexpr PictureProcessor kGlmProcessors[] = {
    {"Glm4vImageProcessor", ProcessorSteps::smart_resize_frames, smart_resize_values(112 * 112, 28 * 28 * 15000),
     kGlmProcessorTables},
    {"Glm46VImageProcessor", ProcessorSteps::smart_resize_frames, smart_resize_values(112 * 112, 28 * 28 * 15000),
     kGlmProcessorTables},
};

inline constexpr PicturePiece kGlmPicture[] = {
    {PicturePiece::Kind::control, "<|begin_of_image|>"},
    {PicturePiece::Kind::tokens},
    {PicturePiece::Kind::control, "<|end_of_image|>"},
};

constexpr ModelSpec glm_model(uint32_t hidden, uint32_t heads, uint32_t output, int32_t picture_token) {
  ModelSpec spec;
  spec.has_vision = true;
  spec.picture_token = picture_token;
  VisionSpec& v = spec.vision;
  v.layers = 24;
  v.hidden = hidden;
  v.heads = heads;
  v.output = output;
  v.patch = 14;
  v.temporal = 2;
  v.merge = 2;
  v.norm = Norm::rms;
  v.norm_epsilon = v.head_norm_epsilon = v.projector_norm_epsilon = 1e-5f;
  v.activation = Activation::silu;
  v.rope_2d = true;
  v.projector_bias = false;
  return spec;
}

}  // namespace mica::tables
