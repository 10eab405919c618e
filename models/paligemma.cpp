// PaliGemma (google/paligemma-3b-mix-224) and PaliGemma 2: a SigLIP tower, one matrix, a Gemma decoder in which all of a
// prompt, picture and question, sees each other. Data only.
#include "gemma.hpp"
#include "picture_processors.hpp"
#include "siglip.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"paligemma"};
constexpr const char* kArchitectures[] = {"PaliGemmaForConditionalGeneration"};
constexpr const DecoderKind* kDecoders[] = {&kind_gemma_prompted, &kind_gemma2_prompted};
constexpr const char* kTowers[] = {"siglip_vision_model"};

constexpr ConfigField kRoot[] = {
    {"image_token_index|image_token_id", FieldKind::i32, MICA_FIELD(picture_token), 0, kVocabularyMax},
    {"projection_dim", FieldKind::u32, MICA_FIELD(vision.output), 8, kHiddenMax},
    no_effect("hidden_size|vocab_size"),  // beside text_config's, which are read
};
constexpr ConfigField kTower[] = {no_effect("projection_dim|num_image_tokens|projector_hidden_act|vocab_size")};

constexpr PictureProcessor kProcessors[] = {
    {"SiglipImageProcessor", ProcessorSteps::resize_crop, square_values(224), kSquareTables}};

constexpr ConfigTable kConfigs[] = {
    {ConfigScope::root, kRootTie},
    {ConfigScope::root, kRoot},
    {ConfigScope::vision, kSiglipTower},
    {ConfigScope::vision, kSiglipImage},
    {ConfigScope::vision, kTower},
    {ConfigScope::vision, kTowerForeign},
};

constexpr TensorName kTensors[] = {{Slot::projector_down, Section::projector, true, "linear"}};
constexpr std::span<const TensorName> kTensorTables[] = {kGemmaTensors, kSiglipTensors, kSiglipLastNorm, kTensors};
constexpr const char* kProjectorRoots[] = {"multi_modal_projector.", "model.multi_modal_projector."};

constexpr Step kProjector[] = {{Op::norm, Slot::post_norm}, {Op::linear, Slot::projector_down}};

constexpr PicturePiece kPicture[] = {{PicturePiece::Kind::tokens}};
constexpr const ChatFormat* kChats[] = {&paligemma_turns};

constexpr ModelSpec defaults() {
  ModelSpec spec;
  spec.has_vision = true;
  spec.picture_token = 256000;
  spec.chat = 1;
  spec.vision = siglip_defaults(12, 768, 12, 3072, 224, 16);
  spec.vision.last_norm = true;
  spec.vision.output = 2048;
  return spec;
}

}  // namespace

extern constinit const Family paligemma = {
    .name = "paligemma",
    .model_types = kModelTypes,
    .architectures = kArchitectures,
    .defaults = defaults,
    .decoders = kDecoders,
    .text = TextPlace::nested,
    .towers = kTowers,
    .config = kConfigs,
    .processors = kProcessors,
    .published_processor = &kProcessors[0],
    .derived = kDecoderDerivedOnly,
    .tensors = kTensorTables,
    .roots = {kDecoderRoots, kHeadRoots, kTowerRoots, kProjectorRoots},
    .stem = kSiglipStem,
    .projector = kProjector,
    .projector_title = "one matrix",
    .picture = kPicture,
    .chats = kChats,
};

}  // namespace mica::tables
