// Qwen3-VL (Qwen/Qwen3-VL-2B-Instruct and its kin): as Qwen2-VL, with learned positions in the tower and layers of it
// tapped for the decoder (DeepStack, arXiv 2406.04334). Data only.
#include "qwen3_tower.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"qwen3_vl"};
constexpr const char* kArchitectures[] = {"Qwen3VLForConditionalGeneration"};
constexpr const DecoderKind* kDecoders[] = {&kind_qwen3_vl};
constexpr const char* kTowers[] = {"qwen3_vl_vision", "qwen3_vl"};  // as transformers 5 and 4 call it

constexpr ConfigField kTaps[] = {
    {"deepstack_visual_indexes", FieldKind::layers, MICA_FIELD(vision.taps), 0, kLayersMax - 1},
};
constexpr ConfigTable kConfigs[] = {
    {ConfigScope::root, kRootTie},
    {ConfigScope::root, kPictureToken},
    {ConfigScope::root, kVideoTokens},
    {ConfigScope::vision, kQwenTower},
    {ConfigScope::vision, kQwen3Tower},
    {ConfigScope::vision, kTaps},
    {ConfigScope::vision, kTowerForeign},
    {ConfigScope::vision_rope, kTowerRope},
};

constexpr TensorName kTapTensors[] = {
    {Slot::projector_norm, Section::tap, true, "deepstack_merger_list.{}.norm", "v.deepstack.{}.norm"},
    {Slot::projector_up, Section::tap, true, "deepstack_merger_list.{}.linear_fc1", "v.deepstack.{}.fc1"},
    {Slot::projector_down, Section::tap, true, "deepstack_merger_list.{}.linear_fc2", "v.deepstack.{}.fc2"},
};
constexpr std::span<const TensorName> kTensorTables[] = {kDecoderTensors, kQwen3TowerTensors, kTapTensors};

constexpr Step kTap[] = {
    {Op::join},     {Op::norm, Slot::projector_norm},     {Op::linear, Slot::projector_up},
    {Op::activate}, {Op::linear, Slot::projector_down},
};

// Of a text file and its projector, which says nothing of the limits of pictures: at least 8 tokens, as llama.cpp has it,
// and at most as many as the published checkpoints take.
constexpr const char* kGgufConfig = R"json({
  "architectures": ["Qwen3VLForConditionalGeneration"], "model_type": "qwen3_vl",
  "image_token_id": $(token <|image_pad|>), "video_token_id": $(token <|video_pad|>),
  "text_config": $(text),
  "vision_config": {
    "depth": $(clip.vision.block_count), "hidden_size": $(clip.vision.embedding_length),
    "out_hidden_size": $(clip.vision.projection_dim), "num_heads": $(clip.vision.attention.head_count),
    "intermediate_size": $(rows v.blk.0.ffn_up.weight), "patch_size": $(clip.vision.patch_size),
    "spatial_merge_size": $(clip.vision.spatial_merge_size|2), "temporal_patch_size": 2,
    "num_position_embeddings": $(rows v.position_embd.weight), "hidden_act": "gelu_pytorch_tanh",
    "deepstack_visual_indexes": $(indices clip.vision.is_deepstack_layers)}})json";
constexpr const char* kGgufProcessor = R"json({
  "image_processor_type": "Qwen2VLImageProcessor", "size": {"shortest_edge": 8192, "longest_edge": 16777216},
  "patch_size": $(clip.vision.patch_size), "merge_size": $(clip.vision.spatial_merge_size|2), "temporal_patch_size": 2,
  "image_mean": $(clip.vision.image_mean), "image_std": $(clip.vision.image_std)})json";

constexpr ModelSpec defaults() {
  ModelSpec spec = qwen3_tower_defaults();
  LayerList& taps = spec.vision.taps;
  taps.count = 3;
  for (uint32_t i = 0; i < 3; ++i) taps.layers[i] = 8 * (i + 1);
  return spec;
}

}  // namespace

extern constinit const Family qwen3_vl = {
    .name = "qwen3_vl",
    .model_types = kModelTypes,
    .architectures = kArchitectures,
    .defaults = defaults,
    .decoders = kDecoders,
    .text = TextPlace::nested,
    .towers = kTowers,
    .config = kConfigs,
    .processors = kQwenProcessors,
    .published_processor = &kQwen3Published,
    .frame_processor = &kQwen3Frames,
    .derived = kQwen3DerivedTables,
    .tensors = kTensorTables,
    .roots = {kDecoderRoots, kHeadRoots, kQwen3VisionRoots, kQwen3VisionRoots, kQwen3VisionRoots},
    .gguf = {.architecture = "qwen3vl",
             .projector = "qwen3vl_merger",
             .config = kGgufConfig,
             .processor = kGgufProcessor},
    .stem = kQwen3Stem,
    .projector = kQwenMerger,
    .tap = kTap,
    .frame = kQwenMerger,
    .projector_title = "patch merger",
    .picture = kQwenPicture,
    .video = kQwen3Video,
};

}  // namespace mica::tables
