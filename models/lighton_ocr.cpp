// LightOnOCR (lightonai/LightOnOCR-1B): a reader of documents. A Pixtral tower for pictures of any size, a Qwen3 decoder.
// Data only.
#include "picture_processors.hpp"
#include "pixtral.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"lighton_ocr"};
constexpr const char* kArchitectures[] = {"LightOnOcrForConditionalGeneration"};
constexpr const DecoderKind* kDecoders[] = {&kind_qwen3};

constexpr ConfigField kRoot[] = {
    {"image_token_id|image_token_index", FieldKind::i32, MICA_FIELD(picture_token), 0, kVocabularyMax},
    {"spatial_merge_size", FieldKind::u32, MICA_FIELD(vision.merge), 1, 16},
    no_effect("projector_hidden_act|multimodal_projector_bias|vision_feature_layer"),  // of the class it came from
};

constexpr PictureProcessor kProcessors[] = {
    {"PixtralImageProcessor", ProcessorSteps::bounded, pixtral_values(16, 1024), kPixtralProcessorTables}};
// lightonai/LightOnOCR-1B-1025.
constexpr PictureProcessor kPublished = {"PixtralImageProcessor", ProcessorSteps::bounded, pixtral_values(14, 1540),
                                         kPixtralProcessorTables};

constexpr ConfigTable kConfigs[] = {
    {ConfigScope::root, kRootTie},
    {ConfigScope::root, kRoot},
    {ConfigScope::vision, kPixtralTower},
    {ConfigScope::vision, kTowerForeign},
    {ConfigScope::vision_rope, kTowerRope},
};

constexpr std::span<const DerivedField> kDerivedTables[] = {kDecoderDerived, kPixtralDerived};
constexpr std::span<const TensorName> kTensorTables[] = {kDecoderTensors, kPixtralTensors, kPixtralProjectorTensors};
constexpr const char* kVisionRoots[] = {"model.vision_encoder.", "vision_encoder."};
constexpr const char* kProjectorRoots[] = {"model.vision_projection.", "vision_projection."};

constexpr const char* kGgufConfig =
    MICA_PIXTRAL_GGUF("LightOnOcrForConditionalGeneration", "lighton_ocr", "<|image_pad|>");

constexpr PicturePiece kPicture[] = {{PicturePiece::Kind::tokens}};

constexpr ModelSpec defaults() {
  ModelSpec spec;
  spec.has_vision = true;
  spec.picture_token = 151655;
  spec.decoder.tied_embeddings = true;
  spec.vision = pixtral_defaults();
  return spec;
}

}  // namespace

extern constinit const Family lighton_ocr = {
    .name = "lighton_ocr",
    .model_types = kModelTypes,
    .architectures = kArchitectures,
    .defaults = defaults,
    .decoders = kDecoders,
    .text = TextPlace::nested,
    .towers = kPixtralTowers,
    .vision_absent = R"({"model_type": "pixtral", "hidden_act": "silu", "image_size": 1540, "patch_size": 14})",
    .config = kConfigs,
    .processors = kProcessors,
    .published_processor = &kPublished,
    .derived = kDerivedTables,
    .tensors = kTensorTables,
    .roots = {kDecoderRoots, kHeadRoots, kVisionRoots, kProjectorRoots},
    .gguf = {.projector = "lightonocr",
             .config = kGgufConfig,
             .processor = kPixtralGgufProcessor},
    .stem = kPixtralStem,
    .projector = kPixtralProjector,
    .projector_title = "patch merger, two layers",
    .picture = kPicture,
};

}  // namespace mica::tables
