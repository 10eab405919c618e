// What the towers of Qwen2-VL, Qwen2.5-VL and Qwen3-VL have in common: fields, tensors, the patch merger, the processor.
// Data; what each has of its own is in its file.
#pragma once

#include "picture_processors.hpp"
#include "tables.hpp"

namespace mica::tables {

inline constexpr ConfigField kQwenTower[] = {
    {"depth|num_hidden_layers", FieldKind::u32, MICA_FIELD(vision.layers), 1, kLayersMax},
    {"num_heads|num_attention_heads", FieldKind::u32, MICA_FIELD(vision.heads), 1, kHeadsMax},
    {"patch_size", FieldKind::square_u32, MICA_FIELD(vision.patch), 1, 256},
    {"temporal_patch_size", FieldKind::square_u32, MICA_FIELD(vision.temporal), 1, 8},
    {"spatial_merge_size", FieldKind::u32, MICA_FIELD(vision.merge), 1, 16},
    {"hidden_act", FieldKind::choice, MICA_FIELD(vision.activation), 0, 0, false, kActivations},
    {"rope_theta", FieldKind::f32, MICA_FIELD(vision.rope_theta), 1, 1e12},
};

inline constexpr PictureProcessor kQwenProcessors[] = {{"Qwen2VLImageProcessor", ProcessorSteps::smart_resize,
                                                        smart_resize_values(56 * 56, 28 * 28 * 1280),
                                                        kSmartResizeTables}};
// Patches of a square follow each other (PictureLayout::patches).
inline constexpr Step kQwenMerger[] = {
    {Op::norm, Slot::projector_norm}, {Op::join},     {Op::linear, Slot::projector_up},
    {Op::activate},                   {Op::linear, Slot::projector_down},
};

// Around a video as around a picture.
inline constexpr FrameSampling kQwenSampling = {.per_second = 2, .multiple = 2, .frames_min = 4, .frames_max = 768};

// ---- of Qwen2-VL and Qwen2.5-VL alone

inline constexpr PictureProcessor kQwen2Frames = {"Qwen2VLVideoProcessor", ProcessorSteps::smart_resize,
                                                  smart_resize_values(128 * 28 * 28, 768 * 28 * 28), kSmartVideoTables};

inline constexpr ConfigField kQwen2Tower[] = {
    only("in_channels|in_chans", kOnlyThree),
    no_effect("spatial_patch_size"),  // transformers 4.45 wrote it beside patch_size and read that
};

// Qwen/Qwen2-VL-2B-Instruct, Qwen/Qwen2.5-VL-3B-Instruct and their kin: 4 to 16,384 tokens.
inline constexpr PictureProcessor kQwen2Published = {"Qwen2VLImageProcessor", ProcessorSteps::smart_resize,
                                                     smart_resize_values(56 * 56, 28 * 28 * 16384),
                                                     kSmartResizeTables};

inline constexpr TensorName kQwen2TowerTensors[] = {
    {Slot::patch_embedding, Section::vision, true, "patch_embed.proj", "v.patch_embd"},
    {Slot::attention_norm, Section::vision, true, "blocks.{}.norm1", "v.blk.{}.ln1"},
    {Slot::qkv, Section::vision, true, "blocks.{}.attn.qkv", "v.blk.{}.attn_q|v.blk.{}.attn_k|v.blk.{}.attn_v"},
    {Slot::output, Section::vision, true, "blocks.{}.attn.proj", "v.blk.{}.attn_out"},
    {Slot::mlp_norm, Section::vision, true, "blocks.{}.norm2", "v.blk.{}.ln2"},
    {Slot::projector_norm, Section::projector, true, "merger.ln_q", "v.post_ln"},
    {Slot::projector_up, Section::projector, true, "merger.mlp.0", "mm.0"},
    {Slot::projector_down, Section::projector, true, "merger.mlp.2", "mm.2"},
};
inline constexpr const char* kQwen2VisionRoots[] = {"visual.", "model.visual.", "vision_tower."};

// Of a projector file, which says nothing of the limits of pictures: they are those of the published checkpoints.
inline constexpr const char* kQwen2GgufProcessor = R"json({
  "image_processor_type": "Qwen2VLImageProcessor", "size": {"shortest_edge": 3136, "longest_edge": 12845056},
  "patch_size": $(clip.vision.patch_size), "merge_size": $(clip.vision.spatial_merge_size|2), "temporal_patch_size": 2,
  "image_mean": $(clip.vision.image_mean), "image_std": $(clip.vision.image_std)})json";

}  // namespace mica::tables
