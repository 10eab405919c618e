// What GLM-4.1V and GLM-OCR share: the decoder's names, the tower's fields and names, the projector's steps, how a picture
// stands in a prompt. Data; what each has of its own is in its file.
#pragma once

#include "picture_processors.hpp"
#include "tables.hpp"

namespace mica::tables {

// Of GGUF files: the conversion sets pairs apart, as M-RoPE has them there.
inline constexpr GgufText kGlmGgufText = {
    .partial_rope = true, .sections = true, .guesses_tokens = true, .more = R"("mica_rope_interleaved": false)"};
inline constexpr const char* kGlmUnread[] = {"*.nextn.*"};  // of these: what guesses further tokens

inline constexpr TensorName kGlmDecoderTensors[] = {
    {Slot::embedding, Section::decoder, true, "embed_tokens", "token_embd"},
    {Slot::final_norm, Section::decoder, true, "norm", "output_norm"},
    {Slot::attention_norm, Section::decoder, true, "layers.{}.input_layernorm", "blk.{}.attn_norm"},
    {Slot::query, Section::decoder, true, "layers.{}.self_attn.q_proj", "blk.{}.attn_q"},
    {Slot::key, Section::decoder, true, "layers.{}.self_attn.k_proj", "blk.{}.attn_k"},
    {Slot::value, Section::decoder, true, "layers.{}.self_attn.v_proj", "blk.{}.attn_v"},
    {Slot::output, Section::decoder, true, "layers.{}.self_attn.o_proj", "blk.{}.attn_output"},
    {Slot::attention_post_norm, Section::decoder, true, "layers.{}.post_self_attn_layernorm",
     "blk.{}.post_attention_norm"},
    {Slot::mlp_norm, Section::decoder, true, "layers.{}.post_attention_layernorm", "blk.{}.ffn_norm"},
    {.slot = Slot::gate, .section = Section::decoder, .required = true, .pattern = "layers.{}.mlp.gate_up_proj",
     .gguf = "blk.{}.ffn_up", .stored = Stored::first_half},
    {.slot = Slot::up, .section = Section::decoder, .required = true, .pattern = "layers.{}.mlp.gate_up_proj",
     .gguf = "blk.{}.ffn_up", .stored = Stored::second_half},
    {Slot::down, Section::decoder, true, "layers.{}.mlp.down_proj", "blk.{}.ffn_down"},
    {Slot::mlp_post_norm, Section::decoder, true, "layers.{}.post_mlp_layernorm", "blk.{}.post_ffw_norm"},
    {Slot::lm_head, Section::head, false, "lm_head", "output"},
};

inline constexpr TensorName kGlmTowerTensors[] = {
    {Slot::patch_embedding, Section::vision, true, "patch_embed.proj", "v.patch_embd"},
    {Slot::attention_norm, Section::vision, true, "blocks.{}.norm1", "v.blk.{}.ln1"},
    {Slot::qkv, Section::vision, true, "blocks.{}.attn.qkv", "v.blk.{}.attn_qkv"},
    {Slot::output, Section::vision, true, "blocks.{}.attn.proj", "v.blk.{}.attn_out"},
    {Slot::mlp_norm, Section::vision, true, "blocks.{}.norm2", "v.blk.{}.ln2"},
    {Slot::gate, Section::vision, true, "blocks.{}.mlp.gate_proj", "v.blk.{}.ffn_gate"},
    {Slot::up, Section::vision, true, "blocks.{}.mlp.up_proj", "v.blk.{}.ffn_up"},
    {Slot::down, Section::vision, true, "blocks.{}.mlp.down_proj", "v.blk.{}.ffn_down"},
    {Slot::post_norm, Section::vision, true, "post_layernorm", "v.post_ln"},
    {.slot = Slot::projector_merge, .section = Section::projector, .required = true, .pattern = "downsample",
     .gguf = "mm.patch_merger", .stored = Stored::channels_outer},
    {Slot::projector_first, Section::projector, true, "merger.proj", "mm.model.fc"},
    {Slot::projector_inner_norm, Section::projector, true, "merger.post_projection_norm", "mm.post_norm"},
    {Slot::projector_gate, Section::projector, true, "merger.gate_proj", "mm.gate"},
    {Slot::projector_up, Section::projector, true, "merger.up_proj", "mm.up"},
    {Slot::projector_down, Section::projector, true, "merger.down_proj", "mm.down"},
};
inline constexpr const char* kGlmVisionRoots[] = {"model.visual.", "visual.", "vision_tower."};

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

// Of a text file and its projector, which says nothing of the limits of pictures: those of the class.
inline constexpr const char* kGlmGgufProcessor = R"json({
  "image_processor_type": "Glm4vImageProcessor", "patch_size": $(clip.vision.patch_size),
  "merge_size": $(clip.vision.spatial_merge_size|2), "temporal_patch_size": 2,
  "image_mean": $(clip.vision.image_mean), "image_std": $(clip.vision.image_std)})json";

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
