// Pixtral (mistral-community/pixtral-12b): LLaVA with a Pixtral tower for pictures of any size, rows of whose tokens end
// with a token of their own, and two matrices. Data only.
#include "clip.hpp"
#include "picture_processors.hpp"
#include "pixtral.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"llava"};
constexpr const char* kArchitectures[] = {"LlavaForConditionalGeneration"};
constexpr const DecoderKind* kDecoders[] = {&kind_llama, &kind_mistral, &kind_qwen2, &kind_qwen3};

constexpr ConfigField kRoot[] = {only_said("vision_feature_select_strategy", kAllFeatures)};

constexpr PictureProcessor kProcessors[] = {
    {"PixtralImageProcessor", ProcessorSteps::bounded, pixtral_values(16, 1024), kPixtralProcessorTables}};

constexpr ConfigTable kConfigs[] = {
    {ConfigScope::root, kRootTie},           {ConfigScope::root, kLlavaRoot},
    {ConfigScope::root, kRoot},              {ConfigScope::vision, kPixtralTower},
    {ConfigScope::vision, kTowerForeign}, {ConfigScope::vision_rope, kTowerRope},
};

constexpr std::span<const DerivedField> kDerivedTables[] = {kDecoderDerived, kLlavaDerived};
constexpr std::span<const TensorName> kTensorTables[] = {kDecoderTensors, kPixtralTensors, kTwoMatrices};
constexpr const char* kVisionRoots[] = {"vision_tower.", "model.vision_tower.", "vision_tower.vision_model."};

constexpr ModelSpec defaults() {
  ModelSpec spec = llava_defaults(pixtral_defaults());
  spec.vision.merge = 1;
  spec.vision.projector_bias = true;
  spec.vision.feature_layer = -2;
  return spec;
}

}  // namespace

extern constinit const Family llava_pixtral = {
    .name = "llava_pixtral",
    .model_types = kModelTypes,
    .architectures = kArchitectures,
    .defaults = defaults,
    .decoders = kDecoders,
    .text = TextPlace::nested,
    .towers = kPixtralTowers,
    .config = kConfigs,
    .processors = kProcessors,
    .published_processor = &kProcessors[0],
    .derived = kDerivedTables,
    .tensors = kTensorTables,
    .roots = {kDecoderRoots, kHeadRoots, kVisionRoots, kTwoMatricesRoots},
    .stem = kPixtralStem,
    .projector = kTwoMatricesSteps,
    .projector_title = "two matrices",
    .picture = kPixtralPicture,
};

}  // namespace mica::tables
