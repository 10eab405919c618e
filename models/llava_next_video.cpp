// LLaVA-NeXT-Video (llava-hf/LLaVA-NeXT-Video-7B-hf): LLaVA-NeXT, which takes videos too: patches of a frame are pooled
// before they pass the projector. Data only.
#include "clip.hpp"
#include "picture_processors.hpp"
#include "tables.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"llava_next_video"};
constexpr const char* kArchitectures[] = {"LlavaNextVideoForConditionalGeneration"};
constexpr const DecoderKind* kDecoders[] = {&kind_llama, &kind_mistral, &kind_qwen2, &kind_qwen3};
constexpr const char* kTowers[] = {"clip_vision_model"};

constexpr Choice kPools[] = {{"average", static_cast<uint8_t>(Pool::average)},
                             {"max", static_cast<uint8_t>(Pool::largest)}};

constexpr ConfigField kRoot[] = {
    {"spatial_pool_mode", FieldKind::choice, MICA_FIELD(vision.pool), 0, 0, false, kPools},
    {"spatial_pool_stride", FieldKind::u32, MICA_FIELD(vision.pool_side), 1, 256},
    no_effect("spatial_pool_out_channels"),  // of a mode that convolves
    kVideoToken,
};
// A conversion wrote rope_scaling's members here, where nothing reads them.
constexpr ConfigField kText[] = {no_effect("factor"), no_effect("type")};

constexpr PictureProcessor kProcessors[] = {
    {"LlavaNextImageProcessor", ProcessorSteps::grids, next_values(), kNextTables},
    {"LlavaNextVideoImageProcessor", ProcessorSteps::grids, next_values(), kNextTables}};
constexpr PictureProcessor kFrames = {"LlavaNextVideoVideoProcessor", ProcessorSteps::resize_crop,
                                      frames_by_pillow(crop_values()),
                                      kFrameTables};

constexpr ConfigTable kConfigs[] = {
    {ConfigScope::root, kRootTie},
    {ConfigScope::root, kLlavaRoot},
    {ConfigScope::root, kNextRoot},
    {ConfigScope::root, kRoot},
    {ConfigScope::text, kText},
    {ConfigScope::vision, kClipTower},
    {ConfigScope::vision, kTowerForeign},
};

constexpr std::span<const DerivedField> kDerivedTables[] = {kDecoderDerived, kLlavaDerived};
constexpr std::span<const TensorName> kTensorTables[] = {kDecoderTensors, kClipTensors, kRejoinedTensors};

constexpr Step kProjector[] = {
    {Op::features}, {Op::linear, Slot::projector_up}, {Op::activate}, {Op::linear, Slot::projector_down},
    {Op::rejoin, Slot::row_end},
};
constexpr Step kFrame[] = {
    {Op::features}, {Op::pool}, {Op::linear, Slot::projector_up}, {Op::activate}, {Op::linear, Slot::projector_down},
};

constexpr ModelSpec defaults() {
  ModelSpec spec;
  spec.has_vision = true;
  spec.picture_token = 32001;
  spec.video_token = 32000;
  spec.sampling.frames = 32;  // as it was trained
  spec.vision = clip_defaults();
  spec.vision.grids = next_grids();
  spec.vision.pool_side = 2;
  return spec;
}

}  // namespace

extern constinit const Family llava_next_video = {
    .name = "llava_next_video",
    .model_types = kModelTypes,
    .architectures = kArchitectures,
    .defaults = defaults,
    .decoders = kDecoders,
    .text = TextPlace::nested,
    .towers = kTowers,
    .vision_absent = kClipTowerAbsent,
    .config = kConfigs,
    .processors = kProcessors,
    .published_processor = &kProcessors[0],
    .frame_processor = &kFrames,
    .derived = kDerivedTables,
    .tensors = kTensorTables,
    .roots = {kDecoderRoots, kHeadRoots, kTowerRoots, kRejoinedRoots},
    .stem = kClipStem,
    .projector = kProjector,
    .frame = kFrame,
    .projector_title = "two matrices, tiles become one grid",
    .picture = kPictureLine,
};

}  // namespace mica::tables
