// Qwen3.5 (Qwen/Qwen3.5-0.8B and its kin): Qwen3-VL's tower without taps before a decoder with the gated delta rule in
// three layers of four. Data only.
#include "qwen3_5_tensors.hpp"
#include "qwen3_tower.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"qwen3_5"};
constexpr const char* kArchitectures[] = {"Qwen3_5ForConditionalGeneration"};
constexpr const DecoderKind* kDecoders[] = {&kind_qwen3_5};
constexpr const char* kTowers[] = {"qwen3_5_vision", "qwen3_5"};

constexpr ConfigField kNoTaps[] = {refused("deepstack_visual_indexes")};
constexpr ConfigTable kConfigs[] = {
    {ConfigScope::root, kRootTie},
    {ConfigScope::root, kPictureToken},
    {ConfigScope::root, kVideoTokens},
    {ConfigScope::vision, kQwenTower},
    {ConfigScope::vision, kQwen3Tower},
    {ConfigScope::vision, kNoTaps},
    {ConfigScope::vision, kTowerForeign},
    {ConfigScope::vision_rope, kTowerRope},
};

constexpr std::span<const TensorName> kTensorTables[] = {kQwen35Tensors, kQwen3TowerTensors};

// Of a text file and its projector, as Qwen3-VL's.
constexpr const char* kGgufConfig = MICA_QWEN3_GGUF("Qwen3_5ForConditionalGeneration", "qwen3_5");

constexpr ModelSpec defaults() {
  ModelSpec spec = qwen3_tower_defaults();
  spec.picture_token = 248056;
  spec.video_token = 248057;
  return spec;
}

}  // namespace

extern constinit const Family qwen3_5 = {
    .name = "qwen3_5",
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
    .unread = kQwen35Unread,
    .mlx_adds_to_norms = true,
    .roots = {kDecoderRoots, kHeadRoots, kQwen3VisionRoots, kQwen3VisionRoots},
    .gguf = {.architecture = "qwen35",
             .text = kQwen35GgufText,
             .projector = "qwen3vl_merger",
             .config = kGgufConfig,
             .processor = kQwen3GgufProcessor},
    .stem = kQwen3Stem,
    .projector = kQwenMerger,
    .tap = {},
    .frame = kQwenMerger,
    .projector_title = "patch merger",
    .picture = kQwenPicture,
    .video = kQwen3Video,
};

}  // namespace mica::tables
