// LLaVA-OneVision (llava-hf/llava-onevision-qwen2-0.5b-ov-hf): as LLaVA-NeXT, with a SigLIP tower, more grids, and fewer
// tokens of large ones. Data only.
#include "clip.hpp"
#include "picture_processors.hpp"
#include "siglip.hpp"
#include "tables.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"llava_onevision"};
constexpr const char* kArchitectures[] = {"LlavaOnevisionForConditionalGeneration"};
constexpr const DecoderKind* kDecoders[] = {&kind_qwen2, &kind_qwen3, &kind_llama, &kind_mistral};
constexpr const char* kTowers[] = {"siglip_vision_model"};

constexpr Choice kAspectRatios[] = {{"anyres_max_", 0}};

constexpr ConfigField kRoot[] = {
    {"image_grid_pinpoints", FieldKind::grids, MICA_FIELD(vision.grids)},
    {"vision_aspect_ratio", FieldKind::numbered, MICA_FIELD(vision.grid_tiles_kept), 1, 255, false, kAspectRatios},
    only("vision_feature_select_strategy", kAllFeatures),
    only("use_image_newline_parameter", kOnlyTrue),
    kVideoToken,
};

constexpr ProcessorField kGridFields[] = {
    {"size", ProcessorFieldKind::size, MICA_PROCESSOR_FIELD(size)},
    {"crop_size", ProcessorFieldKind::crop_size, MICA_PROCESSOR_FIELD(crop_size)},
    {"do_resize", ProcessorFieldKind::boolean, MICA_PROCESSOR_FIELD(do_resize)},  // tiles have their size already
    {"do_center_crop", ProcessorFieldKind::expected, 0, false},
    {"image_grid_pinpoints", ProcessorFieldKind::grids, MICA_PROCESSOR_FIELD(image_grid_pinpoints)},
    {"do_pad", ProcessorFieldKind::no_effect},  // a batch to as many tiles
    {"pad_size", ProcessorFieldKind::no_effect},
};
constexpr std::span<const ProcessorField> kProcessorTables[] = {kProcessorFields, kGridFields};

constexpr GridList published_grids() {
  constexpr uint32_t kTile = 384, kMost = 6;
  GridList grids;
  for (uint32_t rows = 1; rows <= kMost; ++rows)
    for (uint32_t columns = 1; columns <= kMost; ++columns)
      grids.sizes[grids.count++] = {rows * kTile, columns * kTile};
  return grids;
}

constexpr ProcessorValues grid_values(ProcessorValues values) {
  values.size.height = values.size.width = 384;
  values.image_grid_pinpoints = published_grids();
  return values;
}

constexpr PictureProcessor kProcessors[] = {
    {"LlavaOnevisionImageProcessor", ProcessorSteps::grids, grid_values(clip_values()), kProcessorTables}};
// llava-hf/llava-onevision-qwen2-0.5b-ov-hf: SigLIP's colours.
constexpr PictureProcessor kPublished = {
    "LlavaOnevisionImageProcessor", ProcessorSteps::grids,
    grid_values({.image_mean = {0.5, 0.5, 0.5}, .image_std = {0.5, 0.5, 0.5}}), kProcessorTables};

constexpr ProcessorValues frame_values() {
  ProcessorValues values = clip_values();
  values.size.height = values.size.width = 384;
  return values;
}
constexpr PictureProcessor kFrames = {"LlavaOnevisionVideoProcessor", ProcessorSteps::resize_crop,
                                      frames_by_pillow(frame_values()),
                                      kFrameTables};

constexpr ConfigTable kConfigs[] = {
    {ConfigScope::root, kRootTie},
    {ConfigScope::root, kLlavaRoot},
    {ConfigScope::root, kRoot},
    {ConfigScope::vision, kSiglipTower},
    {ConfigScope::vision, kSiglipImage},
    {ConfigScope::vision, kTowerForeign},
};

constexpr std::span<const DerivedField> kDerivedTables[] = {kDecoderDerived, kLlavaDerived};
constexpr std::span<const TensorName> kTensorTables[] = {kDecoderTensors, kSiglipTensors, kRejoinedTensors};

constexpr Step kProjector[] = {
    {Op::linear, Slot::projector_up}, {Op::activate}, {Op::linear, Slot::projector_down},
    {Op::rejoin, Slot::row_end},
};
constexpr Step kFrame[] = {
    {Op::linear, Slot::projector_up}, {Op::activate}, {Op::linear, Slot::projector_down}, {Op::halve}};
constexpr Step kLastFrame[] = {
    {Op::linear, Slot::projector_up}, {Op::activate}, {Op::linear, Slot::projector_down}, {Op::halve},
    {Op::append, Slot::row_end},
};

// LlavaOnevisionConfig has a larger tower where the file says nothing of one.
constexpr const char* kTowerAbsent =
    R"({"hidden_size": 1152, "image_size": 384, "intermediate_size": 4304, "num_attention_heads": 16,
        "num_hidden_layers": 26, "patch_size": 14})";

constexpr ModelSpec defaults() {
  ModelSpec spec;
  spec.has_vision = true;
  spec.picture_token = 151646;
  spec.video_token = 151647;
  spec.sampling.frames = 32;  // as it was trained at most
  spec.vision = siglip_defaults(12, 768, 12, 3072, 224, 16);
  spec.vision.grids = published_grids();
  spec.vision.grid_tiles_kept = 9;
  return spec;
}

}  // namespace

extern constinit const Family llava_onevision = {
    .name = "llava_onevision",
    .model_types = kModelTypes,
    .architectures = kArchitectures,
    .defaults = defaults,
    .decoders = kDecoders,
    .text = TextPlace::nested,
    .towers = kTowers,
    .vision_absent = kTowerAbsent,
    .config = kConfigs,
    .processors = kProcessors,
    .published_processor = &kPublished,
    .frame_processor = &kFrames,
    .derived = kDerivedTables,
    .tensors = kTensorTables,
    .roots = {kDecoderRoots, kHeadRoots, kTowerRoots, kRejoinedRoots},
    .stem = kSiglipStem,
    .projector = kProjector,
    .frame = kFrame,
    .last_frame = kLastFrame,
    .projector_title = "two matrices, tiles become one grid",
    .picture = kPictureLine,
};

}  // namespace mica::tables
