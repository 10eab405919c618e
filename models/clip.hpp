// CLIP towers, as several families have them: where vision_config has their fields, how their tensors are called, what
// stands before their layers; and the two matrices of LLaVA's projectors. Data only; the roots are a family's own.
#pragma once

#include "tables.hpp"

namespace mica::tables {

inline constexpr ConfigField kClipTower[] = {
    {"num_hidden_layers", FieldKind::u32, MICA_FIELD(vision.layers), 1, kLayersMax},
    {"hidden_size", FieldKind::u32, MICA_FIELD(vision.hidden), 8, kHiddenMax},
    {"num_attention_heads", FieldKind::u32, MICA_FIELD(vision.heads), 1, kHeadsMax},
    {"intermediate_size", FieldKind::u32, MICA_FIELD(vision.feed_forward), 8, kFeedForwardMax},
    {"image_size", FieldKind::first_u32, MICA_FIELD(vision.image_height), 1, 16384},
    {"image_size", FieldKind::second_u32, MICA_FIELD(vision.image_width), 1, 16384},
    {"patch_size", FieldKind::square_u32, MICA_FIELD(vision.patch), 1, 256},
    {"layer_norm_eps", FieldKind::f32, MICA_FIELD(vision.norm_epsilon), 0, 0.1},
    {"hidden_act", FieldKind::choice, MICA_FIELD(vision.activation), 0, 0, false, kActivations},
    only("num_channels", kOnlyThree),
    // Of CLIP's other half.
    no_effect("projection_dim"), no_effect("vocab_size"), no_effect("tie_word_embeddings"), no_effect("eos_token_id"),
};

inline constexpr TensorName kClipTensors[] = {
    {Slot::patch_embedding, Section::vision, true, "embeddings.patch_embedding", "v.patch_embd"},
    {Slot::class_token, Section::vision, true, "embeddings.class_embedding", "v.class_embd"},
    {Slot::position_embedding, Section::vision, true, "embeddings.position_embedding", "v.position_embd"},
    {Slot::pre_norm, Section::vision, true, "pre_layrnorm", "v.pre_ln"},
    {Slot::attention_norm, Section::vision, true, "encoder.layers.{}.layer_norm1", "v.blk.{}.ln1"},
    {Slot::query, Section::vision, true, "encoder.layers.{}.self_attn.q_proj", "v.blk.{}.attn_q"},
    {Slot::key, Section::vision, true, "encoder.layers.{}.self_attn.k_proj", "v.blk.{}.attn_k"},
    {Slot::value, Section::vision, true, "encoder.layers.{}.self_attn.v_proj", "v.blk.{}.attn_v"},
    {Slot::output, Section::vision, true, "encoder.layers.{}.self_attn.out_proj", "v.blk.{}.attn_out"},
    {Slot::mlp_norm, Section::vision, true, "encoder.layers.{}.layer_norm2", "v.blk.{}.ln2"},
    {Slot::up, Section::vision, true, "encoder.layers.{}.mlp.fc1", "v.blk.{}.ffn_up"},
    {Slot::down, Section::vision, true, "encoder.layers.{}.mlp.fc2", "v.blk.{}.ffn_down"},
};

inline constexpr const char* kLlavaVisionRoots[] = {"vision_tower.vision_model.", "vision_tower.",
                                                    "model.vision_tower.vision_model.", "model.vision_tower."};

inline constexpr Step kClipStem[] = {
    {Op::linear, Slot::patch_embedding},
    {Op::prepend, Slot::class_token},
    {Op::add, Slot::position_embedding},
    {Op::norm, Slot::pre_norm},
};

// Of LLaVA's configs, whichever tower they have.
inline constexpr ConfigField kLlavaRoot[] = {
    {"image_token_index|image_token_id", FieldKind::i32, MICA_FIELD(picture_token), 0, kVocabularyMax},
    {"vision_feature_layer", FieldKind::sole_i32, MICA_FIELD(vision.feature_layer), -kLayersMax, kLayersMax},
    {"projector_hidden_act", FieldKind::choice, MICA_FIELD(vision.projector_activation), 0, 0, false, kActivations},
    {"multimodal_projector_bias", FieldKind::boolean, MICA_FIELD(vision.projector_bias)},
    no_effect("vocab_size"),  // transformers 4.37 wrote it beside text_config's and read that
};

// CLIPVisionConfig's; LLaVA's configs have a larger tower where the file says nothing of one.
inline constexpr const char* kClipTowerAbsent =
    R"({"hidden_size": 1024, "image_size": 336, "intermediate_size": 4096, "num_attention_heads": 16,
        "num_hidden_layers": 24, "patch_size": 14})";

constexpr VisionSpec clip_defaults() {
  VisionSpec spec;
  spec.layers = 12;
  spec.hidden = 768;
  spec.heads = 12;
  spec.feed_forward = 3072;
  spec.image_width = spec.image_height = 224;
  spec.patch = 32;
  spec.norm_epsilon = 1e-5f;
  spec.activation = Activation::quick_gelu;
  spec.feature_layer = -2;
  return spec;
}

// Projectors whose tiles become one grid.
inline constexpr TensorName kRejoinedTensors[] = {
    {Slot::projector_up, Section::projector, true, "multi_modal_projector.linear_1"},
    {Slot::projector_down, Section::projector, true, "multi_modal_projector.linear_2"},
    {Slot::row_end, Section::projector, true, "image_newline"},
};
inline constexpr const char* kRejoinedRoots[] = {"", "model."};

inline constexpr DerivedField kLlavaDerived[] = {
    {MICA_FIELD(vision.projector_hidden), MICA_FIELD(decoder.hidden)},
};

}  // namespace mica::tables
