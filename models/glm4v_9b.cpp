// GLM-4V (THUDM/glm-4v-9b, with its own code): the tower of eva2_clip.hpp, GLM-4's decoder, three positions for a
// picture. Told apart from GLM-4 by its vision_config. Data only.
#include "chatglm.hpp"
#include "eva2_clip.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"chatglm"};
constexpr const char* kArchitectures[] = {"ChatGLMModel", "ChatGLMForConditionalGeneration"};
constexpr const DecoderKind* kDecoders[] = {&kind_chatglm};

constexpr ConfigField kRoot[] = {
    {"pad_token_id", FieldKind::i32, MICA_FIELD(picture_token), 0, kVocabularyMax, true},
    {"boi_token_id", FieldKind::i32, MICA_FIELD(picture_frame.begin), 0, kVocabularyMax, true},
    {"eoi_token_id", FieldKind::i32, MICA_FIELD(picture_frame.end), 0, kVocabularyMax, true},
};
constexpr ConfigField kTower[] = {
    {"scaling_factor", FieldKind::f32, MICA_FIELD(vision.divisor), 1e-3, 1e6, true},
};
constexpr ConfigTable kConfigs[] = {
    {ConfigScope::root, kRootTie},
    {ConfigScope::root, kRoot},
    {ConfigScope::vision, kEva2ClipTower},
    {ConfigScope::vision, kTower},
    {ConfigScope::vision, kTowerForeign},
};

constexpr DerivedField kDerived[] = {
    {MICA_FIELD(vision.projector_merged), MICA_FIELD(decoder.hidden)},
    {MICA_FIELD(vision.projector_hidden), MICA_FIELD(decoder.feed_forward)},
};
constexpr std::span<const DerivedField> kDerivedTables[] = {kDecoderDerived, kDerived};
constexpr std::span<const TensorName> kTensorTables[] = {kEva2ClipTensors};
constexpr const char* kVisionRoots[] = {"transformer.vision."};

constexpr ModelSpec defaults() {
  ModelSpec spec = eva2_clip_defaults();
  spec.chat = 1;
  spec.picture_frame.in_rows = true;
  return spec;
}

}  // namespace

extern constinit const Family glm4v_9b = {
    .name = "glm4v_9b",
    .model_types = kModelTypes,
    .architectures = kArchitectures,
    .defaults = defaults,
    .decoders = kDecoders,
    .told_by = "vision_config",
    .config = kConfigs,
    .processors = kEva2ClipProcessors,
    .published_processor = kEva2ClipProcessors,
    .derived = kDerivedTables,
    .tensors = kTensorTables,
    .roots = {kChatGlmRoots, kChatGlmRoots, kVisionRoots, kVisionRoots},
    .stem = kEva2ClipStem,
    .projector = kEva2ClipProjector,
    .projector_title = "convolution, gated MLP",
    .picture = kEva2ClipPicture,
    .chats = kChatGlmChats,
};

}  // namespace mica::tables
