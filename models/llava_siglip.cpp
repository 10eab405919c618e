// LLaVA with a SigLIP tower (llava-hf/llava-interleave-qwen-0.5b-hf), which has no class token, and two matrices. Data
// only.
#include "clip.hpp"
#include "picture_processors.hpp"
#include "siglip.hpp"
#include "tables.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"llava"};
constexpr const char* kArchitectures[] = {"LlavaForConditionalGeneration"};
constexpr const char* kTowers[] = {"siglip_vision_model"};

constexpr ConfigField kRoot[] = {only_said("vision_feature_select_strategy", kAllFeatures)};

constexpr PictureProcessor kProcessors[] = {
    {"SiglipImageProcessor", ProcessorSteps::resize_crop, square_values(224), kSquareTables},
    {"CLIPImageProcessor", ProcessorSteps::resize_crop, crop_values(), kClipTables},
};
// llava-hf/llava-interleave-qwen-0.5b-hf.
constexpr PictureProcessor kPublished = {"SiglipImageProcessor", ProcessorSteps::resize_crop, square_values(384),
                                         kSquareTables};

constexpr ConfigTable kConfigs[] = {
    {ConfigScope::root, kRootTie},       {ConfigScope::root, kLlavaRoot},     {ConfigScope::root, kRoot},
    {ConfigScope::vision, kSiglipTower}, {ConfigScope::vision, kSiglipImage}, {ConfigScope::vision, kTowerForeign},
};

constexpr std::span<const DerivedField> kDerivedTables[] = {kDecoderDerived, kLlavaDerived};
constexpr std::span<const TensorName> kTensorTables[] = {kDecoderTensors, kSiglipTensors, kTwoMatrices};

constexpr ModelSpec defaults() {
  ModelSpec spec = llava_defaults(siglip_defaults(12, 768, 12, 3072, 224, 16));
  spec.vision.feature_layer = -2;
  return spec;
}

}  // namespace

extern constinit const Family llava_siglip = {
    .name = "llava_siglip",
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
    .roots = {kDecoderRoots, kHeadRoots, kTowerRoots, kTwoMatricesRoots},
    .stem = kSiglipStem,
    .projector = kTwoMatricesSteps,
    .projector_title = "two matrices",
    .picture = kPictureLine,
};

}  // namespace mica::tables
