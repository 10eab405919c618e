// The tower that GLM-4V and CogVLM2 share (EVA2-CLIP-E): norms behind attention and MLP, a convolution that fuses 2 x 2
// patches, a gated MLP, and learned rows before and behind a picture's. Data only.
#pragma once

#include "picture_processors.hpp"
#include "tables.hpp"

namespace mica::tables {

// Both classes have no defaults for its sizes: a file that lacks one is refused.
inline constexpr ConfigField kEva2ClipTower[] = {
    {"num_hidden_layers", FieldKind::u32, MICA_FIELD(vision.layers), 1, kLayersMax, true},
    {"hidden_size", FieldKind::u32, MICA_FIELD(vision.hidden), 8, kHiddenMax, true},
    {"num_heads", FieldKind::u32, MICA_FIELD(vision.heads), 1, kHeadsMax, true},
    {"intermediate_size", FieldKind::u32, MICA_FIELD(vision.feed_forward), 8, kFeedForwardMax, true},
    {"image_size", FieldKind::u32, MICA_FIELD(vision.image_height), 1, 16384, true},
    {"image_size", FieldKind::u32, MICA_FIELD(vision.image_width), 1, 16384, true},
    {"patch_size", FieldKind::u32, MICA_FIELD(vision.patch), 1, 256, true},
    {"layer_norm_eps", FieldKind::f32, MICA_FIELD(vision.norm_epsilon), 0, 0.1, true},
    {"hidden_act", FieldKind::choice, MICA_FIELD(vision.activation), 0, 0, true, kActivations},
    only("in_channels", kOnlyThree),
    no_effect("num_positions"),  // a row for the class token and one for each patch, or the tensor does not fit
};

inline constexpr TensorName kEva2ClipTensors[] = {
    {Slot::patch_embedding, Section::vision, true, "patch_embedding.proj"},
    {Slot::class_token, Section::vision, true, "patch_embedding.cls_embedding"},
    {Slot::position_embedding, Section::vision, true, "patch_embedding.position_embedding"},
    {Slot::qkv, Section::vision, true, "transformer.layers.{}.attention.query_key_value"},
    {Slot::output, Section::vision, true, "transformer.layers.{}.attention.dense"},
    {Slot::attention_post_norm, Section::vision, true, "transformer.layers.{}.input_layernorm"},
    {Slot::up, Section::vision, true, "transformer.layers.{}.mlp.fc1"},
    {Slot::down, Section::vision, true, "transformer.layers.{}.mlp.fc2"},
    {Slot::mlp_post_norm, Section::vision, true, "transformer.layers.{}.post_attention_layernorm"},
    {Slot::projector_merge, Section::projector, true, "conv", nullptr, Stored::channels_outer},
    {Slot::projector_first, Section::projector, true, "linear_proj.linear_proj"},
    {Slot::projector_inner_norm, Section::projector, true, "linear_proj.norm1"},
    {Slot::projector_gate, Section::projector, true, "linear_proj.gate_proj"},
    {Slot::projector_up, Section::projector, true, "linear_proj.dense_h_to_4h"},
    {Slot::projector_down, Section::projector, true, "linear_proj.dense_4h_to_h"},
    {Slot::picture_begin, Section::projector, true, "boi"},
    {Slot::picture_end, Section::projector, true, "eoi"},
};

inline constexpr Step kEva2ClipStem[] = {
    {Op::linear, Slot::patch_embedding},
    {Op::prepend, Slot::class_token},
    {Op::add, Slot::position_embedding},
};
inline constexpr Step kEva2ClipProjector[] = {
    {Op::features},
    {Op::merge},
    {Op::linear, Slot::projector_merge},
    {Op::linear, Slot::projector_first},
    {Op::norm, Slot::projector_inner_norm},
    {Op::activate},
    {Op::glu, Slot::projector_gate, nullptr, Slot::projector_up},
    {Op::linear, Slot::projector_down},
    {Op::prepend, Slot::picture_begin},
    {Op::append, Slot::picture_end},
    {Op::divide},
};

inline constexpr std::span<const ProcessorField> kEva2ClipProcessorTables[] = {kProcessorFields};
inline constexpr PictureProcessor kEva2ClipProcessors[] = {
    {"CLIPImageProcessor", ProcessorSteps::fixed, clip_values(), kEva2ClipProcessorTables}};

// The learned rows are in the picture's.
inline constexpr PicturePiece kEva2ClipPicture[] = {{PicturePiece::Kind::tokens}};

constexpr ModelSpec eva2_clip_defaults() {
  ModelSpec spec;
  spec.has_vision = true;
  spec.picture_positions = PicturePositions::shared;
  spec.vision.merge = 2;
  spec.vision.norms_behind = true;
  spec.vision.projector_norm_epsilon = 1e-5f;  // PyTorch's default
  spec.vision.projector_bias = false;
  return spec;
}

}  // namespace mica::tables
