// Qwen2-VL (Qwen/Qwen2-VL-2B-Instruct and its kin): pictures of any size, a tower with 2-D RoPE, M-RoPE in the decoder.
// Data only.
#include "qwen_tower.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"qwen2_vl"};
constexpr const char* kArchitectures[] = {"Qwen2VLForConditionalGeneration"};
constexpr const DecoderKind* kDecoders[] = {&kind_qwen2_vl};
constexpr const char* kTowers[] = {"qwen2_vl_vision", "qwen2_vl"};  // as transformers 5 and 4 call it

constexpr ConfigField kTower[] = {
    {"embed_dim", FieldKind::u32, MICA_FIELD(vision.hidden), 8, kHiddenMax},
    {"hidden_size", FieldKind::u32, MICA_FIELD(vision.output), 8, kHiddenMax},
    {"mlp_ratio", FieldKind::u32, MICA_FIELD(vision.feed_forward_ratio), 1, 64},
    {"mica_feed_forward", FieldKind::u32, MICA_FIELD(vision.feed_forward), 8, kFeedForwardMax},  // of GGUF files
};

constexpr ConfigTable kConfigs[] = {
    {ConfigScope::root, kRootTie},
    {ConfigScope::root, kPictureToken},
    {ConfigScope::root, kVideoTokens},
    {ConfigScope::vision, kQwenTower},
    {ConfigScope::vision, kQwen2Tower},
    {ConfigScope::vision, kTower},
    {ConfigScope::vision, kTowerForeign},
    {ConfigScope::vision_rope, kTowerRope},
};

constexpr DerivedField kDerived[] = {
    {MICA_FIELD(vision.feed_forward), MICA_FIELD(vision.hidden), MICA_FIELD(vision.feed_forward_ratio)},
};
constexpr std::span<const DerivedField> kDerivedTables[] = {kDecoderDerived, kDerived, kProjectorAsJoined};

constexpr TensorName kTensors[] = {
    {Slot::up, Section::vision, true, "blocks.{}.mlp.fc1", "v.blk.{}.ffn_up"},
    {Slot::down, Section::vision, true, "blocks.{}.mlp.fc2", "v.blk.{}.ffn_down"},
};
constexpr std::span<const TensorName> kTensorTables[] = {kDecoderTensors, kQwen2TowerTensors, kTensors};

constexpr Step kStem[] = {{Op::linear, Slot::patch_embedding}};

// Of a text file and its projector, whose width of the feed-forward is not the tower's.
constexpr const char* kGgufConfig = R"json({
  "architectures": ["Qwen2VLForConditionalGeneration"], "model_type": "qwen2_vl",
  "image_token_id": $(token <|image_pad|>), "video_token_id": $(token <|video_pad|>),
  "text_config": $(text),
  "vision_config": {
    "depth": $(clip.vision.block_count), "embed_dim": $(clip.vision.embedding_length),
    "hidden_size": $(clip.vision.projection_dim), "num_heads": $(clip.vision.attention.head_count),
    "mica_feed_forward": $(rows v.blk.0.ffn_up.weight), "patch_size": $(clip.vision.patch_size),
    "spatial_merge_size": $(clip.vision.spatial_merge_size|2), "temporal_patch_size": 2, "hidden_act": "quick_gelu"}})json";

constexpr ModelSpec defaults() {
  ModelSpec spec;
  spec.has_vision = true;
  spec.picture_token = 151655;
  spec.video_token = 151656;
  spec.sampling = kQwenSampling;
  spec.frame_positions = FramePositions::steps;
  spec.vision.layers = 32;
  spec.vision.hidden = 1280;
  spec.vision.heads = 16;
  spec.vision.feed_forward_ratio = 4;
  spec.vision.patch = 14;
  spec.vision.temporal = 2;
  spec.vision.merge = 2;
  spec.vision.activation = Activation::quick_gelu;
  spec.vision.rope_2d = true;
  return spec;
}

}  // namespace

extern constinit const Family qwen2_vl = {
    .name = "qwen2_vl",
    .model_types = kModelTypes,
    .architectures = kArchitectures,
    .defaults = defaults,
    .decoders = kDecoders,
    .text = TextPlace::nested_or_root,
    .towers = kTowers,
    .config = kConfigs,
    .processors = kQwenProcessors,
    .published_processor = &kQwen2Published,
    .frame_processor = &kQwen2Frames,
    .derived = kDerivedTables,
    .tensors = kTensorTables,
    .roots = {kDecoderRoots, kHeadRoots, kQwen2VisionRoots, kQwen2VisionRoots},
    .gguf = {.architecture = "qwen2vl",
             .projector = "qwen2vl_merger",
             .config = kGgufConfig,
             .processor = kQwen2GgufProcessor},
    .stem = kStem,
    .projector = kQwenMerger,
    .frame = kQwenMerger,
    .projector_title = "patch merger",
    .picture = kQwenPicture,
};

}  // namespace mica::tables
