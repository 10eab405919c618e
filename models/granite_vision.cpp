// Granite Vision (ibm-granite/granite-vision-3.2-2b): LLaVA-NeXT with a SigLIP tower, of which the projector reads several
// layers beside each other, and a Granite decoder. Data only.
#include "clip.hpp"
#include "picture_processors.hpp"
#include "siglip.hpp"
#include "tables.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"llava_next"};
constexpr const char* kArchitectures[] = {"LlavaNextForConditionalGeneration"};
constexpr const char* kTowers[] = {"siglip_vision_model"};

constexpr PictureProcessor kProcessors[] = {
    {"LlavaNextImageProcessor", ProcessorSteps::grids, next_values(), kNextTables}};

// Grids of 384 pixels, one wide or one high of up to ten tiles, and all others of ten tiles at most.
constexpr GridList published_grids() {
  constexpr uint32_t kTile = 384, kMost = 10;
  GridList grids;
  for (uint32_t rows = 1; rows <= kMost; ++rows)
    for (uint32_t columns = 1; columns <= kMost / rows; ++columns)
      if (rows * columns > 1) grids.sizes[grids.count++] = {rows * kTile, columns * kTile};
  return grids;
}

constexpr ProcessorValues published_values() {
  ProcessorValues values = half_colors(next_values());
  values.size = {.height = 384, .width = 384};
  values.crop_size = values.size;
  values.image_grid_pinpoints = published_grids();
  return values;
}
constexpr PictureProcessor kPublished = {"LlavaNextImageProcessor", ProcessorSteps::grids, published_values(),
                                         kNextTables};

constexpr ConfigField kRoot[] = {
    {"image_grid_pinpoints", FieldKind::grids, MICA_FIELD(vision.grids)},
    only_said("vision_feature_select_strategy", kAllFeatures),
    only("use_image_newline_parameter", kOnlyTrue),
};

constexpr ConfigTable kConfigs[] = {
    {ConfigScope::root, kRootTie},       {ConfigScope::root, kLlavaRoot},     {ConfigScope::root, kRoot},
    {ConfigScope::vision, kSiglipTower}, {ConfigScope::vision, kSiglipImage}, {ConfigScope::vision, kTowerForeign},
};

constexpr std::span<const DerivedField> kDerivedTables[] = {kDecoderDerived, kLlavaDerived};
constexpr std::span<const TensorName> kTensorTables[] = {kDecoderTensors, kSiglipTensors, kRejoinedTensors};

constexpr Step kProjector[] = {
    {Op::linear, Slot::projector_up},
    {Op::activate},
    {Op::linear, Slot::projector_down},
    {Op::rejoin, Slot::row_end},
};

constexpr ModelSpec defaults() {
  ModelSpec spec = llava_defaults(siglip_defaults(12, 768, 12, 3072, 224, 16));
  spec.vision.feature_layer = -2;
  spec.vision.grids = published_grids();  // its class has those of another size of tiles
  return spec;
}

}  // namespace

extern constinit const Family granite_vision = {
    .name = "granite_vision",
    .model_types = kModelTypes,
    .architectures = kArchitectures,
    .defaults = defaults,
    .decoders = kLlavaDecoders,
    .text = TextPlace::nested,
    .towers = kTowers,
    .config = kConfigs,
    .processors = kProcessors,
    .published_processor = &kPublished,
    .derived = kDerivedTables,
    .tensors = kTensorTables,
    .unread = kSiglipUnread,
    .roots = {kDecoderRoots, kHeadRoots, kTowerRoots, kRejoinedRoots},
    .stem = kSiglipStem,
    .projector = kProjector,
    .projector_title = "two matrices, tiles become one grid",
    .picture = kPictureLine,
};

}  // namespace mica::tables
