// CLIP towers, as several families have them: where vision_config has their fields, how their tensors are called, what
// stands before their layers; and the two matrices of LLaVA's projectors. Data only; the roots are a family's own.
#pragma once

#include <array>

#include "picture_processors.hpp"
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

inline constexpr Step kClipStem[] = {
    {Op::linear, Slot::patch_embedding},
    {Op::prepend, Slot::class_token},
    {Op::add, Slot::position_embedding},
    {Op::norm, Slot::pre_norm},
};

// Of LLaVA's models, whichever tower they have.
inline constexpr const DecoderKind* kLlavaDecoders[] = {&kind_llama, &kind_mistral, &kind_qwen2, &kind_qwen3,
                                                        &kind_granite};
constexpr ModelSpec llava_defaults(const VisionSpec& vision) {
  ModelSpec spec;
  spec.has_vision = true;
  spec.picture_token = 32000;
  spec.vision = vision;
  return spec;
}

// Of their configs. Towers without a class token have none to leave out.
inline constexpr Choice kAllFeatures[] = {{"full", 0}};
inline constexpr ConfigField kLlavaRoot[] = {
    {"image_token_id|image_token_index", FieldKind::i32, MICA_FIELD(picture_token), 0, kVocabularyMax},
    {"vision_feature_layer", FieldKind::states, MICA_FIELD(vision.feature_states), -kLayersMax, kLayersMax},
    {"projector_hidden_act", FieldKind::choice, MICA_FIELD(vision.projector_activation), 0, 0, false, kActivations},
    {"multimodal_projector_bias", FieldKind::boolean, MICA_FIELD(vision.projector_bias)},
    no_effect("vocab_size"),  // transformers 4.37 wrote it beside text_config's and read that
};

// CLIPVisionConfig's; LLaVA's configs have a larger tower where the file says nothing of one.
inline constexpr const char* kClipTowerAbsent =
    R"({"hidden_size": 1024, "image_size": 336, "intermediate_size": 4096, "num_attention_heads": 16,
        "num_hidden_layers": 24, "patch_size": 14})";

// CLIPImageProcessor's and its kin's, whose padding is that of a batch to one size, which it has already.
inline constexpr ProcessorField kClipFields[] = {
    {"do_pad", ProcessorFieldKind::boolean, MICA_PROCESSOR_FIELD(do_pad)},
    {"pad_size", ProcessorFieldKind::crop_size, MICA_PROCESSOR_FIELD(pad_size)},
};
inline constexpr std::span<const ProcessorField> kClipTables[] = {kProcessorFields, kCropFields, kClipFields};

constexpr ProcessorValues crop_values() {
  ProcessorValues values = clip_values();
  values.do_center_crop = true;
  values.size.shortest_edge = 224;
  values.crop_size.height = values.crop_size.width = 224;
  return values;
}

// LLaVA-NeXT's: pictures on grids.
constexpr GridList next_grids() { return {5, {{336, 672}, {672, 336}, {672, 672}, {1008, 336}, {336, 1008}}}; }

inline constexpr ProcessorField kNextFields[] = {
    {"image_grid_pinpoints", ProcessorFieldKind::grids, MICA_PROCESSOR_FIELD(image_grid_pinpoints)},
    {"do_pad", ProcessorFieldKind::no_effect},  // a batch to as many tiles
    {"pad_size", ProcessorFieldKind::no_effect},
    {"aspect_ratio_setting", ProcessorFieldKind::no_effect},
};
inline constexpr std::span<const ProcessorField> kNextTables[] = {kProcessorFields, kCropFields, kNextFields};

constexpr ProcessorValues next_values() {
  ProcessorValues values = crop_values();
  values.image_grid_pinpoints = next_grids();
  return values;
}

// Of the configs of LLaVA-NeXT's kind: the class token is left out.
inline constexpr Choice kWithoutClassToken[] = {{"default", 0}};
inline constexpr ConfigField kNextRoot[] = {
    {"image_grid_pinpoints", FieldKind::grids, MICA_FIELD(vision.grids)},
    only("vision_feature_select_strategy", kWithoutClassToken),
    only("use_image_newline_parameter", kOnlyTrue),
};

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

// The same names in another section.
template <size_t count>
constexpr std::array<TensorName, count> in_section(Section section, const TensorName (&names)[count]) {
  std::array<TensorName, count> moved = {};
  for (size_t i = 0; i < count; ++i) {
    moved[i] = names[i];
    moved[i].section = section;
  }
  return moved;
}

// A projector of two matrices by itself.
inline constexpr TensorName kTwoMatrices[] = {
    {Slot::projector_up, Section::projector, true, "linear_1", "mm.0"},
    {Slot::projector_down, Section::projector, true, "linear_2", "mm.2"},
};
inline constexpr const char* kTwoMatricesRoots[] = {"multi_modal_projector.", "model.multi_modal_projector."};
inline constexpr Step kTwoMatricesSteps[] = {
    {Op::features}, {Op::linear, Slot::projector_up}, {Op::activate}, {Op::linear, Slot::projector_down}};

// Behind those of LLaVA's kind, in a prompt.
inline constexpr PicturePiece kPictureLine[] = {
    {PicturePiece::Kind::tokens},
    {PicturePiece::Kind::text, "\n"},
};

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
