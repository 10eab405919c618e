// Qwen3-VL's tower without what it taps, which Qwen3.5 has too: fields, tensors, steps, processors. Data only.
#pragma once

#include "qwen_tower.hpp"

namespace mica::tables {

inline constexpr ConfigField kQwen3Tower[] = {
    {"hidden_size", FieldKind::u32, MICA_FIELD(vision.hidden), 8, kHiddenMax},
    {"out_hidden_size", FieldKind::u32, MICA_FIELD(vision.output), 8, kHiddenMax},
    {"intermediate_size", FieldKind::u32, MICA_FIELD(vision.feed_forward), 8, kFeedForwardMax},
    {"num_position_embeddings", FieldKind::u32, MICA_FIELD(vision.position_count), 1, kPositionsMax},
    only("in_channels", kOnlyThree),
};

// Qwen/Qwen3-VL-2B-Instruct and its kin: 64 to 16,384 tokens of 32 x 32 pixels.
inline constexpr PictureProcessor kQwen3Published = {"Qwen2VLImageProcessor", ProcessorSteps::smart_resize,
    half_colors(smart_resize_values(1 << 16, 1 << 24)), kSmartResizeTables};

inline constexpr PictureProcessor kQwen3Frames = {
    "Qwen3VLVideoProcessor", ProcessorSteps::smart_resize_video,
    half_colors(smart_resize_values(128 * 32 * 32, 768 * 32 * 32)), kCappedVideoTables};
// In place of the token that a template shows, so that its marks stand around all of it.
inline constexpr PicturePiece kQwen3Video[] = {
    {PicturePiece::Kind::control, "<|vision_start|>"},
    {PicturePiece::Kind::text, "<{middle_seconds} seconds>", PieceOf::frame},
    {PicturePiece::Kind::control, "<|vision_start|>", PieceOf::frame},
    {PicturePiece::Kind::tokens, nullptr, PieceOf::frame},
    {PicturePiece::Kind::control, "<|vision_end|>", PieceOf::frame},
    {PicturePiece::Kind::control, "<|vision_end|>"},
};

inline constexpr std::span<const DerivedField> kQwen3DerivedTables[] = {kDecoderDerived, kProjectorAsJoined};

inline constexpr TensorName kQwen3TowerTensors[] = {
    {Slot::patch_embedding, Section::vision, true, "patch_embed.proj", "v.patch_embd"},
    {Slot::position_embedding, Section::vision, true, "pos_embed", "v.position_embd"},
    {Slot::attention_norm, Section::vision, true, "blocks.{}.norm1", "v.blk.{}.ln1"},
    {Slot::qkv, Section::vision, true, "blocks.{}.attn.qkv", "v.blk.{}.attn_qkv"},
    {Slot::output, Section::vision, true, "blocks.{}.attn.proj", "v.blk.{}.attn_out"},
    {Slot::mlp_norm, Section::vision, true, "blocks.{}.norm2", "v.blk.{}.ln2"},
    {Slot::up, Section::vision, true, "blocks.{}.mlp.linear_fc1", "v.blk.{}.ffn_up"},
    {Slot::down, Section::vision, true, "blocks.{}.mlp.linear_fc2", "v.blk.{}.ffn_down"},
    {Slot::projector_norm, Section::projector, true, "merger.norm", "v.post_ln"},
    {Slot::projector_up, Section::projector, true, "merger.linear_fc1", "mm.0"},
    {Slot::projector_down, Section::projector, true, "merger.linear_fc2", "mm.2"},
};
inline constexpr const char* kQwen3VisionRoots[] = {"model.visual.", "visual.", "vision_tower."};

inline constexpr Step kQwen3Stem[] = {{Op::linear, Slot::patch_embedding}, {Op::resample, Slot::position_embedding}};

// config.json of a text file and its projector, by the class and the family.
#define MICA_QWEN3_GGUF(class_name, family)                                                                            \
  R"json({"architectures": [")json" class_name R"json("], "model_type": ")json" family R"json(", )json"                \
  R"json("image_token_id": $(token <|image_pad|>), )json"                                                              \
  R"json("video_token_id": $(token <|video_pad|>), "text_config": $(text), "vision_config": {)json"                    \
  R"json("depth": $(clip.vision.block_count), "hidden_size": $(clip.vision.embedding_length), )json"                   \
  R"json("out_hidden_size": $(clip.vision.projection_dim), "num_heads": $(clip.vision.attention.head_count), )json"    \
  R"json("intermediate_size": $(rows v.blk.0.ffn_up.weight), "patch_size": $(clip.vision.patch_size), )json"           \
  R"json("spatial_merge_size": $(clip.vision.spatial_merge_size|2), "temporal_patch_size": 2, )json"                   \
  R"json("num_position_embeddings": $(rows v.position_embd.weight), "hidden_act": "gelu_pytorch_tanh", )json"          \
  R"json("deepstack_visual_indexes": $(indices clip.vision.is_deepstack_layers)}})json"
// The file says nothing of the limits of pictures: at least 8 tokens, as llama.cpp has it, and at most as many as the
// published checkpoints take.
inline constexpr const char* kQwen3GgufProcessor = R"json({
  "image_processor_type": "Qwen2VLImageProcessor", "size": {"shortest_edge": 8192, "longest_edge": 16777216},
  "patch_size": $(clip.vision.patch_size), "merge_size": $(clip.vision.spatial_merge_size|2), "temporal_patch_size": 2,
  "image_mean": $(clip.vision.image_mean), "image_std": $(clip.vision.image_std)})json";

constexpr ModelSpec qwen3_tower_defaults() {
  ModelSpec spec;
  spec.has_vision = true;
  spec.picture_token = 151655;
  spec.video_token = 151656;
  spec.sampling = {.per_second = 2, .spread = FrameSpread::ends, .frames_min = 4, .frames_max = 768};
  VisionSpec& v = spec.vision;
  v.layers = 27;
  v.hidden = 1152;
  v.heads = 16;
  v.feed_forward = 4304;
  v.output = 3584;
  v.patch = 16;
  v.temporal = 2;
  v.merge = 2;
  v.activation = Activation::gelu_tanh;
  v.rope_2d = true;
  v.position_rule = PositionRule::bilinear_corners;
  v.position_count = 2304;
  return spec;
}

}  // namespace mica::tables
