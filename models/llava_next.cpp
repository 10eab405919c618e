// LLaVA-NeXT (llava-hf/llava-v1.6-mistral-7b-hf): LLaVA's tower and projector on the whole picture and on the tiles of a
// grid, rows of which end with a learned vector. Data only.
#include "clip.hpp"
#include "picture_processors.hpp"
#include "tables.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"llava_next"};
constexpr const char* kArchitectures[] = {"LlavaNextForConditionalGeneration"};
constexpr const DecoderKind* kDecoders[] = {&kind_llama, &kind_mistral, &kind_qwen2, &kind_qwen3};
constexpr const char* kTowers[] = {"clip_vision_model"};

constexpr Choice kWithoutClassToken[] = {{"default", 0}};

constexpr ConfigField kRoot[] = {
    {"image_grid_pinpoints", FieldKind::grids, MICA_FIELD(vision.grids)},
    only("vision_feature_select_strategy", kWithoutClassToken),
    only("use_image_newline_parameter", kOnlyTrue),
};

constexpr ProcessorField kGridFields[] = {
    {"image_grid_pinpoints", ProcessorFieldKind::grids, MICA_PROCESSOR_FIELD(image_grid_pinpoints)},
    {"do_pad", ProcessorFieldKind::no_effect},  // a batch to as many tiles
    {"pad_size", ProcessorFieldKind::no_effect},
    {"aspect_ratio_setting", ProcessorFieldKind::no_effect},
};
constexpr std::span<const ProcessorField> kProcessorTables[] = {kProcessorFields, kCropFields, kGridFields};

constexpr GridList published_grids() {
  return {5, {{336, 672}, {672, 336}, {672, 672}, {1008, 336}, {336, 1008}}};
}

constexpr ProcessorValues grid_values() {
  ProcessorValues values = clip_values();
  values.do_center_crop = true;
  values.size.shortest_edge = 224;
  values.crop_size.height = values.crop_size.width = 224;
  values.image_grid_pinpoints = published_grids();
  return values;
}

constexpr PictureProcessor kProcessors[] = {
    {"LlavaNextImageProcessor", ProcessorSteps::grids, grid_values(), kProcessorTables}};

constexpr ConfigTable kConfigs[] = {
    {ConfigScope::root, kRootTie},
    {ConfigScope::root, kLlavaRoot},
    {ConfigScope::root, kRoot},
    {ConfigScope::vision, kClipTower},
    {ConfigScope::vision, kTowerForeign},
};

constexpr std::span<const DerivedField> kDerivedTables[] = {kDecoderDerived, kLlavaDerived};
constexpr std::span<const TensorName> kTensorTables[] = {kDecoderTensors, kClipTensors, kRejoinedTensors};

constexpr Step kProjector[] = {
    {Op::features}, {Op::linear, Slot::projector_up}, {Op::activate}, {Op::linear, Slot::projector_down},
    {Op::rejoin, Slot::row_end},
};

constexpr PicturePiece kPicture[] = {
    {PicturePiece::Kind::tokens},
    {PicturePiece::Kind::text, "\n"},
};

constexpr ModelSpec defaults() {
  ModelSpec spec;
  spec.has_vision = true;
  spec.picture_token = 32000;
  spec.vision = clip_defaults();
  spec.vision.grids = published_grids();
  return spec;
}

}  // namespace

extern constinit const Family llava_next = {
    .name = "llava_next",
    .model_types = kModelTypes,
    .architectures = kArchitectures,
    .defaults = defaults(),
    .decoders = kDecoders,
    .text = TextPlace::nested,
    .towers = kTowers,
    .vision_absent = kClipTowerAbsent,
    .config = kConfigs,
    .processors = kProcessors,
    .published_processor = &kProcessors[0],
    .derived = kDerivedTables,
    .tensors = kTensorTables,
    .roots = {kDecoderRoots, kHeadRoots, kLlavaVisionRoots, kRejoinedRoots},
    .stem = kClipStem,
    .projector = kProjector,
    .projector_title = "two matrices, tiles become one grid",
    .picture = kPicture,
};

}  // namespace mica::tables
