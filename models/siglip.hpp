// SigLIP towers, as several families have them: where vision_config has their fields, how their tensors are called,
// what stands before their layers. Data only; the roots of the names are a family's own.
#pragma once

#include "picture_processors.hpp"
#include "tables.hpp"

namespace mica::tables {

inline constexpr ConfigField kSiglipTower[] = {
    {"num_hidden_layers", FieldKind::u32, MICA_FIELD(vision.layers), 1, kLayersMax},
    {"hidden_size", FieldKind::u32, MICA_FIELD(vision.hidden), 8, kHiddenMax},
    {"num_attention_heads", FieldKind::u32, MICA_FIELD(vision.heads), 1, kHeadsMax},
    {"intermediate_size", FieldKind::u32, MICA_FIELD(vision.feed_forward), 8, kFeedForwardMax},
    {"patch_size", FieldKind::square_u32, MICA_FIELD(vision.patch), 1, 256},
    {"layer_norm_eps", FieldKind::f32, MICA_FIELD(vision.norm_epsilon), 0, 0.1},
    {"hidden_act", FieldKind::choice, MICA_FIELD(vision.activation), 0, 0, false, kActivations},
    only("num_channels", kOnlyThree),
    no_effect("vision_use_head"),  // of pooled features, which nothing reads here
    no_effect("tie_word_embeddings"),
};

// Of towers for pictures of one size.
inline constexpr ConfigField kSiglipImage[] = {
    {"image_size", FieldKind::first_u32, MICA_FIELD(vision.image_height), 1, 16384},
    {"image_size", FieldKind::second_u32, MICA_FIELD(vision.image_width), 1, 16384},
};

inline constexpr TensorName kSiglipTensors[] = {
    {Slot::patch_embedding, Section::vision, true, "embeddings.patch_embedding", "v.patch_embd"},
    {Slot::position_embedding, Section::vision, true, "embeddings.position_embedding", "v.position_embd"},
    {Slot::attention_norm, Section::vision, true, "encoder.layers.{}.layer_norm1", "v.blk.{}.ln1"},
    {Slot::query, Section::vision, true, "encoder.layers.{}.self_attn.q_proj", "v.blk.{}.attn_q"},
    {Slot::key, Section::vision, true, "encoder.layers.{}.self_attn.k_proj", "v.blk.{}.attn_k"},
    {Slot::value, Section::vision, true, "encoder.layers.{}.self_attn.v_proj", "v.blk.{}.attn_v"},
    {Slot::output, Section::vision, true, "encoder.layers.{}.self_attn.out_proj", "v.blk.{}.attn_out"},
    {Slot::mlp_norm, Section::vision, true, "encoder.layers.{}.layer_norm2", "v.blk.{}.ln2"},
    {Slot::up, Section::vision, true, "encoder.layers.{}.mlp.fc1", "v.blk.{}.ffn_up"},
    {Slot::down, Section::vision, true, "encoder.layers.{}.mlp.fc2", "v.blk.{}.ffn_down"},
};
// Of towers whose last norm is used.
inline constexpr TensorName kSiglipLastNorm[] = {
    {Slot::post_norm, Section::vision, true, "post_layernorm", "v.post_ln"}};

// What is behind the last layer where that is not used.
inline constexpr const char* kSiglipUnread[] = {"*vision_model.post_layernorm.*", "*vision_model.head.*"};

inline constexpr Step kSiglipStem[] = {
    {Op::linear, Slot::patch_embedding},
    {Op::add, Slot::position_embedding},
};

// SiglipImageProcessor: to a square, whatever the shape.
inline constexpr std::span<const ProcessorField> kSquareTables[] = {kProcessorFields, kNoCropFields, kOneSize};
constexpr ProcessorValues square_values(uint32_t side) {
  ProcessorValues values = half_colors({});
  values.size.height = values.size.width = side;
  return values;
}

// What SiglipVisionConfig and those made of it say where a file is silent.
constexpr VisionSpec siglip_defaults(uint32_t layers, uint32_t hidden, uint32_t heads, uint32_t feed_forward,
                                     uint32_t side, uint32_t patch) {
  VisionSpec spec;
  spec.layers = layers;
  spec.hidden = hidden;
  spec.heads = heads;
  spec.feed_forward = feed_forward;
  spec.image_width = spec.image_height = side;
  spec.patch = patch;
  spec.norm_epsilon = 1e-6f;
  spec.activation = Activation::gelu_tanh;
  return spec;
}

}  // namespace mica::tables
