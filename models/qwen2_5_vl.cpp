// Qwen2.5-VL (Qwen/Qwen2.5-VL-3B-Instruct and its kin): as Qwen2-VL, with a tower of RMSNorm and gated MLPs, most of
// whose layers see windows only. Data only.
#include "qwen_tower.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"qwen2_5_vl"};
constexpr const char* kArchitectures[] = {"Qwen2_5_VLForConditionalGeneration"};
constexpr const DecoderKind* kDecoders[] = {&kind_qwen2_5_vl};
constexpr const char* kTowers[] = {"qwen2_5_vl_vision", "qwen2_5_vl"};  // as transformers 5 and 4 call it

constexpr ConfigField kTower[] = {
    {"hidden_size", FieldKind::u32, MICA_FIELD(vision.hidden), 8, kHiddenMax},
    {"out_hidden_size", FieldKind::u32, MICA_FIELD(vision.output), 8, kHiddenMax},
    {"intermediate_size", FieldKind::u32, MICA_FIELD(vision.feed_forward), 8, kFeedForwardMax},
    {"window_size", FieldKind::u32, MICA_FIELD(vision.window_pixels), 1, kHiddenMax},
    {"fullatt_block_indexes", FieldKind::layers, MICA_FIELD(vision.full_layers), 0, kLayersMax - 1},
    {"tokens_per_second", FieldKind::u32, MICA_FIELD(tokens_per_second), 0, 65536},
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

constexpr std::span<const DerivedField> kDerivedTables[] = {kDecoderDerived, kProjectorAsJoined};

constexpr TensorName kTensors[] = {
    {Slot::gate, Section::vision, true, "blocks.{}.mlp.gate_proj", "v.blk.{}.ffn_gate"},
    {Slot::up, Section::vision, true, "blocks.{}.mlp.up_proj", "v.blk.{}.ffn_up"},
    {Slot::down, Section::vision, true, "blocks.{}.mlp.down_proj", "v.blk.{}.ffn_down"},
};
constexpr std::span<const TensorName> kTensorTables[] = {kDecoderTensors, kQwen2TowerTensors, kTensors};

constexpr Step kStem[] = {{Op::linear, Slot::patch_embedding}, {Op::to_windows}};
// Patches of a square follow each other (PictureLayout::patches), in windows too.
constexpr Step kProjector[] = {
    {Op::norm, Slot::projector_norm}, {Op::join},     {Op::linear, Slot::projector_up},
    {Op::activate},                   {Op::linear, Slot::projector_down},
    {Op::from_windows},
};

// Of a text file and its projector, which does not say how large windows are: those of the published checkpoints.
constexpr const char* kGgufConfig = R"json({
  "architectures": ["Qwen2_5_VLForConditionalGeneration"], "model_type": "qwen2_5_vl",
  "image_token_id": $(token <|image_pad|>), "video_token_id": $(token <|video_pad|>),
  "text_config": $(text),
  "vision_config": {
    "depth": $(clip.vision.block_count), "hidden_size": $(clip.vision.embedding_length),
    "out_hidden_size": $(clip.vision.projection_dim), "num_heads": $(clip.vision.attention.head_count),
    "intermediate_size": $(rows v.blk.0.ffn_up.weight), "patch_size": $(clip.vision.patch_size),
    "spatial_merge_size": $(clip.vision.spatial_merge_size|2), "temporal_patch_size": 2, "hidden_act": "silu",
    "window_size": 112, "tokens_per_second": 2, "fullatt_block_indexes": $(every clip.vision.n_wa_pattern)}})json";

constexpr ModelSpec defaults() {
  ModelSpec spec;
  spec.has_vision = true;
  spec.picture_token = 151655;
  spec.video_token = 151656;
  spec.sampling = kQwenSampling;
  spec.frame_positions = FramePositions::seconds;
  spec.tokens_per_second = 4;
  VisionSpec& v = spec.vision;
  v.layers = 32;
  v.hidden = 3584;
  v.heads = 16;
  v.feed_forward = 3420;
  v.output = 3584;
  v.patch = 14;
  v.temporal = 2;
  v.merge = 2;
  v.norm = v.projector_norm = Norm::rms;
  v.activation = Activation::silu;
  v.rope_2d = true;
  v.window_pixels = 112;
  v.full_layers.count = 4;
  for (uint32_t i = 0; i < 4; ++i) v.full_layers.layers[i] = 8 * i + 7;
  return spec;
}

}  // namespace

extern constinit const Family qwen2_5_vl = {
    .name = "qwen2_5_vl",
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
             .projector = "qwen2.5vl_merger",
             .config = kGgufConfig,
             .processor = kQwen2GgufProcessor},
    .stem = kStem,
    .projector = kProjector,
    .frame = kProjector,
    .projector_title = "patch merger",
    .picture = kQwenPicture,
};

}  // namespace mica::tables
