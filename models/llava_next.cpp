// LLaVA-NeXT (llava-hf/llava-v1.6-mistral-7b-hf): LLaVA's tower and projector on the whole picture and on the tiles of a
// grid, rows of which end with a learned vector. Data only.
#include "clip.hpp"
#include "picture_processors.hpp"
#include "tables.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"llava_next"};
constexpr const char* kArchitectures[] = {"LlavaNextForConditionalGeneration"};
constexpr const char* kTowers[] = {"clip_vision_model"};

constexpr PictureProcessor kProcessors[] = {
    {"LlavaNextImageProcessor", ProcessorSteps::grids, next_values(), kNextTables}};

constexpr ConfigTable kConfigs[] = {
    {ConfigScope::root, kRootTie},
    {ConfigScope::root, kLlavaRoot},
    {ConfigScope::root, kNextRoot},
    {ConfigScope::vision, kClipTower},
    {ConfigScope::vision, kTowerForeign},
};

constexpr std::span<const DerivedField> kDerivedTables[] = {kDecoderDerived, kLlavaDerived};
constexpr std::span<const TensorName> kTensorTables[] = {kDecoderTensors, kClipTensors, kRejoinedTensors};

constexpr Step kProjector[] = {
    {Op::features}, {Op::linear, Slot::projector_up}, {Op::activate}, {Op::linear, Slot::projector_down},
    {Op::rejoin, Slot::row_end},
};

constexpr ModelSpec defaults() {
  ModelSpec spec = llava_defaults(clip_defaults());
  spec.vision.grids = next_grids();
  return spec;
}

}  // namespace

extern constinit const Family llava_next = {
    .name = "llava_next",
    .model_types = kModelTypes,
    .architectures = kArchitectures,
    .defaults = defaults,
    .decoders = kLlavaDecoders,
    .text = TextPlace::nested,
    .towers = kTowers,
    .vision_absent = kClipTowerAbsent,
    .config = kConfigs,
    .processors = kProcessors,
    .published_processor = &kProcessors[0],
    .derived = kDerivedTables,
    .tensors = kTensorTables,
    .roots = {kDecoderRoots, kHeadRoots, kTowerRoots, kRejoinedRoots},
    .stem = kClipStem,
    .projector = kProjector,
    .projector_title = "two matrices, tiles become one grid",
    .picture = kPictureLine,
};

}  // namespace mica::tables
