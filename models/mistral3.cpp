// Mistral Small 3.1 and Ministral 3 (mistralai/Ministral-3-3B-Instruct-2512): a Pixtral tower for pictures of any size,
// rows of whose tokens end with a token of their own, a Mistral or Ministral decoder. Data only.
#include "picture_processors.hpp"
#include "pixtral.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"mistral3"};
constexpr const char* kArchitectures[] = {"Mistral3ForConditionalGeneration"};
constexpr const DecoderKind* kDecoders[] = {&kind_mistral, &kind_ministral3, &kind_llama};  // the last of GGUF files

constexpr ConfigField kRoot[] = {
    {"image_token_id|image_token_index", FieldKind::i32, MICA_FIELD(picture_token), 0, kVocabularyMax},
    {"spatial_merge_size", FieldKind::u32, MICA_FIELD(vision.merge), 1, 16},
    {"vision_feature_layer", FieldKind::sole_i32, MICA_FIELD(vision.feature_layer), -kLayersMax, kLayersMax},
    {"projector_hidden_act", FieldKind::choice, MICA_FIELD(vision.projector_activation), 0, 0, false, kActivations},
    {"multimodal_projector_bias", FieldKind::boolean, MICA_FIELD(vision.projector_bias)},
};

constexpr PictureProcessor kProcessors[] = {
    {"PixtralImageProcessor", ProcessorSteps::bounded_merged, pixtral_values(16, 1024), kPixtralProcessorTables}};
// mistralai/Ministral-3-3B-Instruct-2512.
constexpr PictureProcessor kPublished = {"PixtralImageProcessor", ProcessorSteps::bounded_merged,
                                         pixtral_values(14, 1540), kPixtralProcessorTables};

constexpr ConfigTable kConfigs[] = {
    {ConfigScope::root, kRootTie},
    {ConfigScope::root, kRoot},
    {ConfigScope::vision, kPixtralTower},
    {ConfigScope::vision, kTowerForeign},
    {ConfigScope::vision_rope, kTowerRope},
};

constexpr std::span<const DerivedField> kDerivedTables[] = {kDecoderDerived, kPixtralDerived};
constexpr std::span<const TensorName> kTensorTables[] = {kDecoderTensors, kPixtralTensors, kPixtralProjectorTensors};
constexpr const char* kVisionRoots[] = {"vision_tower.", "model.vision_tower.", "vision_tower.vision_model."};
constexpr const char* kProjectorRoots[] = {"multi_modal_projector.", "model.multi_modal_projector."};

constexpr const char* kGgufConfig = MICA_PIXTRAL_GGUF("Mistral3ForConditionalGeneration", "mistral3", "[IMG]");
constexpr const char* kUnread[] = {"v.token_embd.img_break"};  // of GGUF files: a row of the embedding

constexpr ModelSpec defaults() {
  ModelSpec spec;
  spec.has_vision = true;
  spec.picture_token = 10;
  spec.vision = pixtral_defaults();
  return spec;
}

}  // namespace

extern constinit const Family mistral3 = {
    .name = "mistral3",
    .model_types = kModelTypes,
    .architectures = kArchitectures,
    .defaults = defaults,
    .decoders = kDecoders,
    .text = TextPlace::nested,
    .towers = kPixtralTowers,
    .vision_absent = R"({"model_type": "pixtral", "image_size": 1540, "patch_size": 14})",
    .config = kConfigs,
    .processors = kProcessors,
    .published_processor = &kPublished,
    .derived = kDerivedTables,
    .tensors = kTensorTables,
    .unread = kUnread,
    .roots = {kDecoderRoots, kHeadRoots, kVisionRoots, kProjectorRoots},
    .gguf = {.projector = "pixtral",
             .config = kGgufConfig,
             .processor = kPixtralGgufProcessor},
    .stem = kPixtralStem,
    .projector = kPixtralProjector,
    .projector_title = "patch merger, two matrices",
    .picture = kPixtralPicture,
};

}  // namespace mica::tables
