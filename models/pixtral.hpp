// Pixtral's tower with the projector that Mistral 3 gave it, for the families that have both: names, fields, steps. Data;
// what each family has of its own is in its file.
#pragma once

#include "picture_processors.hpp"
#include "tables.hpp"

namespace mica::tables {

inline constexpr const char* kPixtralTowers[] = {"pixtral"};

inline constexpr ConfigField kPixtralTower[] = {
    {"num_hidden_layers", FieldKind::u32, MICA_FIELD(vision.layers), 1, kLayersMax},
    {"hidden_size", FieldKind::u32, MICA_FIELD(vision.hidden), 8, kHiddenMax},
    {"intermediate_size", FieldKind::u32, MICA_FIELD(vision.feed_forward), 8, kFeedForwardMax},
    {"num_attention_heads", FieldKind::u32, MICA_FIELD(vision.heads), 1, kHeadsMax},
    {"patch_size", FieldKind::square_u32, MICA_FIELD(vision.patch), 1, 256},
    {"hidden_act", FieldKind::choice, MICA_FIELD(vision.activation), 0, 0, false, kActivations},
    {"rope_theta", FieldKind::f32, MICA_FIELD(vision.rope_theta), 1, 1e12},
    only("num_channels", kOnlyThree),
    no_effect("image_size"),  // the most that the processor's file asks for, as it says it itself
    no_effect("head_dim"),    // the class takes the hidden size by the heads
};

inline constexpr DerivedField kPixtralDerived[] = {
    {MICA_FIELD(vision.projector_merged), MICA_FIELD(vision.hidden)},
    {MICA_FIELD(vision.projector_hidden), MICA_FIELD(decoder.hidden)},
};

inline constexpr TensorName kPixtralTensors[] = {
    {Slot::patch_embedding, Section::vision, true, "patch_conv", "v.patch_embd"},
    {Slot::pre_norm, Section::vision, true, "ln_pre", "v.pre_ln"},
    {Slot::attention_norm, Section::vision, true, "transformer.layers.{}.attention_norm", "v.blk.{}.ln1"},
    {Slot::query, Section::vision, true, "transformer.layers.{}.attention.q_proj", "~v.blk.{}.attn_q"},
    {Slot::key, Section::vision, true, "transformer.layers.{}.attention.k_proj", "~v.blk.{}.attn_k"},
    {Slot::value, Section::vision, true, "transformer.layers.{}.attention.v_proj", "v.blk.{}.attn_v"},
    {Slot::output, Section::vision, true, "transformer.layers.{}.attention.o_proj", "v.blk.{}.attn_out"},
    {Slot::mlp_norm, Section::vision, true, "transformer.layers.{}.ffn_norm", "v.blk.{}.ln2"},
    {Slot::gate, Section::vision, true, "transformer.layers.{}.feed_forward.gate_proj", "v.blk.{}.ffn_gate"},
    {Slot::up, Section::vision, true, "transformer.layers.{}.feed_forward.up_proj", "v.blk.{}.ffn_up"},
    {Slot::down, Section::vision, true, "transformer.layers.{}.feed_forward.down_proj", "v.blk.{}.ffn_down"},
};

inline constexpr TensorName kPixtralProjectorTensors[] = {
    {Slot::projector_inner_norm, Section::projector, true, "norm", "mm.input_norm"},
    {.slot = Slot::projector_merge, .section = Section::projector, .required = true,
     .pattern = "patch_merger.merging_layer", .gguf = "mm.patch_merger", .stored = Stored::channels_outer},
    {Slot::projector_up, Section::projector, true, "linear_1", "mm.1"},
    {Slot::projector_down, Section::projector, true, "linear_2", "mm.2"},
};

// config.json of a text file and its projector, by the class, the family and the placeholder's text.
#define MICA_PIXTRAL_GGUF(class_name, family, token)                                                                   \
  R"json({"architectures": [")json" class_name R"json("], "model_type": ")json" family R"json(", )json"                \
  R"json("image_token_id": $(token )json" token R"json(), )json"                                                       \
  R"json("spatial_merge_size": $(clip.vision.spatial_merge_size|2), "text_config": $(text), )json"                     \
  R"json("vision_config": {"model_type": "pixtral", "num_hidden_layers": $(clip.vision.block_count), )json"            \
  R"json("hidden_size": $(clip.vision.embedding_length), )json"                                                        \
  R"json("intermediate_size": $(clip.vision.feed_forward_length), )json"                                               \
  R"json("num_attention_heads": $(clip.vision.attention.head_count), )json"                                            \
  R"json("patch_size": $(clip.vision.patch_size), "hidden_act": "$(clip.use_silu?silu:gelu)"}})json"
inline constexpr const char* kPixtralGgufProcessor = R"json({
  "image_processor_type": "PixtralImageProcessor", "size": {"longest_edge": $(clip.vision.image_size)},
  "patch_size": $(clip.vision.patch_size), "image_mean": $(clip.vision.image_mean),
  "image_std": $(clip.vision.image_std)})json";

// Rows of a picture's tokens in a prompt end with tokens of their own.
inline constexpr PicturePiece kPixtralPicture[] = {
    {PicturePiece::Kind::tokens, nullptr, PieceOf::token_row},
    {PicturePiece::Kind::control, "[IMG_BREAK]", PieceOf::token_row_but_last},
    {PicturePiece::Kind::control, "[IMG_END]", PieceOf::token_row_last},
};

inline constexpr Step kPixtralStem[] = {{Op::linear, Slot::patch_embedding}, {Op::norm, Slot::pre_norm}};
inline constexpr Step kPixtralProjector[] = {
    {Op::norm, Slot::projector_inner_norm}, {Op::merge},    {Op::linear, Slot::projector_merge},
    {Op::linear, Slot::projector_up},       {Op::activate}, {Op::linear, Slot::projector_down},
};

inline constexpr ProcessorField kPixtralFields[] = {
    {"size", ProcessorFieldKind::size, MICA_PROCESSOR_FIELD(size)},
    {"patch_size", ProcessorFieldKind::crop_size, MICA_PROCESSOR_FIELD(patch_sides)},
    {"do_resize", ProcessorFieldKind::expected, 0, true},
    {"do_center_crop", ProcessorFieldKind::expected, 0, false},
    {"do_pad", ProcessorFieldKind::no_effect},  // of several pictures to one size
    {"crop_size", ProcessorFieldKind::crop_size, MICA_PROCESSOR_FIELD(crop_size)},
    {"pad_size", ProcessorFieldKind::no_effect},
};
inline constexpr std::span<const ProcessorField> kPixtralProcessorTables[] = {kProcessorFields, kPixtralFields};

constexpr ProcessorValues pixtral_values(uint32_t patch, uint32_t longest_edge) {
  ProcessorValues values = clip_values();
  values.default_to_square = true;
  values.patch_sides = {.height = patch, .width = patch};
  values.size.longest_edge = longest_edge;
  return values;
}

constexpr VisionSpec pixtral_defaults() {
  VisionSpec v;
  v.layers = 24;
  v.hidden = 1024;
  v.heads = 16;
  v.feed_forward = 4096;
  v.patch = 16;
  v.merge = 2;
  v.norm = v.projector_norm = Norm::rms;
  v.norm_epsilon = 1e-5f;
  v.projector_norm_epsilon = 0;  // the decoder's
  v.qkv_bias = v.projector_bias = false;
  v.rope_2d = v.rope_alternates = true;
  return v;
}

}  // namespace mica::tables
