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

constexpr const char* kGgufConfig = MICA_QWEN3_GGUF("Qwen3VLForConditionalGeneration", "qwen3_vl");

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
             .processor = kQwen3GgufProcessor},
    .stem = kQwen3Stem,
    .projector = kQwenMerger,
    .tap = kTap,
    .frame = kQwenMerger,
    .projector_title = "patch merger",
    .picture = kQwenPicture,
    .video = kQwen3Video,
};

}  // namespace mica::tables
