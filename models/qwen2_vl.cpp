// Qwen2-VL (Qwen/Qwen2-VL-2B-Instruct and its kin): pictures of any size, a tower with 2-D RoPE, M-RoPE in the decoder.
// Data only.
#include "tables.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"qwen2_vl"};

constexpr ConfigField kConfig[] = {
    {"image_token_id", FieldKind::i32, MICA_FIELD(picture_token), 0, kVocabularyMax, true},
    {"vision_config.depth", FieldKind::u32, MICA_FIELD(vision.layers), 1, kLayersMax, true},
    {"vision_config.embed_dim", FieldKind::u32, MICA_FIELD(vision.hidden), 8, kHiddenMax, true},
    {"vision_config.num_heads", FieldKind::u32, MICA_FIELD(vision.heads), 1, kHeadsMax, true},
    {"vision_config.mlp_ratio", FieldKind::u32, MICA_FIELD(vision.feed_forward_ratio), 1, 64},
    {"vision_config.patch_size", FieldKind::u32, MICA_FIELD(vision.patch), 1, 256},
    {"vision_config.temporal_patch_size", FieldKind::u32, MICA_FIELD(vision.temporal), 1, 8},
    {"vision_config.spatial_merge_size", FieldKind::u32, MICA_FIELD(vision.merge), 1, 16},
    {"vision_config.hidden_act", FieldKind::choice, MICA_FIELD(vision.activation), 0, 0, false, kActivations},
    {"vision_config.rope_parameters.rope_theta", FieldKind::f32, MICA_FIELD(vision.rope_theta), 1, 1e12},
};

constexpr ConfigField kPreprocessor[] = {
    {"min_pixels|size.shortest_edge|size.min_pixels", FieldKind::u32, MICA_FIELD(pictures.pixels_min), 1, 1e9},
    {"max_pixels|size.longest_edge|size.max_pixels", FieldKind::u32, MICA_FIELD(pictures.pixels_max), 1, 1e9},
};

constexpr std::span<const ConfigField> kConfigs[] = {kDecoderConfig, kConfig};
constexpr std::span<const ConfigField> kPreprocessors[] = {kPictureNorm, kPreprocessor};

constexpr DerivedField kDerived[] = {
    {MICA_FIELD(vision.feed_forward), MICA_FIELD(vision.hidden), MICA_FIELD(vision.feed_forward_ratio)},
    {MICA_FIELD(vision.projector_hidden), MICA_FIELD(vision.hidden), MICA_FIELD(vision.merge)},
};

constexpr std::span<const DerivedField> kDerivedTables[] = {kDecoderDerived, kDerived};

constexpr TensorName kTensors[] = {
    {Slot::patch_embedding, Part::vision, false, true, "patch_embed.proj"},
    {Slot::vision_norm1, Part::vision, true, true, "blocks.{}.norm1"},
    {Slot::vision_qkv, Part::vision, true, true, "blocks.{}.attn.qkv"},
    {Slot::vision_output, Part::vision, true, true, "blocks.{}.attn.proj"},
    {Slot::vision_norm2, Part::vision, true, true, "blocks.{}.norm2"},
    {Slot::vision_up, Part::vision, true, true, "blocks.{}.mlp.fc1"},
    {Slot::vision_down, Part::vision, true, true, "blocks.{}.mlp.fc2"},
    {Slot::projector_norm, Part::projector, false, true, "merger.ln_q"},
    {Slot::projector_up, Part::projector, false, true, "merger.mlp.0"},
    {Slot::projector_down, Part::projector, false, true, "merger.mlp.2"},
};
constexpr std::span<const TensorName> kTensorTables[] = {kDecoderTensors, kTensors};
constexpr const char* kVisionRoots[] = {"visual.", "model.visual."};

constexpr const ChatFormat* kChats[] = {&chatml};

constexpr ModelSpec defaults() {
  ModelSpec spec;
  spec.has_vision = true;
  spec.decoder.rope.theta = 1e6f;
  spec.decoder.context = 32768;
  spec.vision.feed_forward_ratio = 4;
  spec.vision.patch = 14;
  spec.vision.temporal = 2;
  spec.vision.merge = 2;
  spec.vision.activation = Activation::quick_gelu;
  spec.vision.positions = VisionPositions::rope_2d;
  spec.vision.projector = Projector::patch_merger;
  spec.pictures.cut = PictureCut::smart_resize;
  spec.pictures.layout = PictureLayout::patches;
  spec.pictures.pixels_min = 56 * 56;
  spec.pictures.pixels_max = 28 * 28 * 1280;
  return spec;
}

}  // namespace

constinit const Family qwen2_vl = {
    .name = "qwen2_vl",
    .model_types = kModelTypes,
    .defaults = defaults(),
    .config = kConfigs,
    .preprocessor = kPreprocessors,
    .derived = kDerivedTables,
    .tensors = kTensorTables,
    .roots = {kDecoderRoots, kHeadRoots, kVisionRoots, kVisionRoots},
    .chats = kChats,
    .picture = {"<|vision_start|>", "<|vision_end|>", ""},
};

}  // namespace mica::tables
