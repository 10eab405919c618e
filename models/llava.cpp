// LLaVA 1.5 (llava-hf/llava-1.5-7b-hf): a CLIP tower whose last but one layer is read, two matrices, a Llama decoder.
// Data only.
#include "tables.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"llava"};

constexpr Choice kSelectStrategies[] = {{"default", 0}, {"full", 1}};

constexpr ConfigField kConfig[] = {
    {"image_token_index|image_token_id", FieldKind::i32, MICA_FIELD(picture_token), 0, kVocabularyMax, true},
    {"vision_feature_layer", FieldKind::i32, MICA_FIELD(vision.feature_layer), -kLayersMax, kLayersMax},
    {"vision_feature_select_strategy", FieldKind::choice, MICA_FIELD(vision.keep_class_token), 0, 0, false,
     kSelectStrategies},
    {"projector_hidden_act", FieldKind::choice, MICA_FIELD(vision.projector_activation), 0, 0, false, kActivations},
    {"vision_config.num_hidden_layers", FieldKind::u32, MICA_FIELD(vision.layers), 1, kLayersMax},
    {"vision_config.hidden_size", FieldKind::u32, MICA_FIELD(vision.hidden), 8, kHiddenMax},
    {"vision_config.num_attention_heads", FieldKind::u32, MICA_FIELD(vision.heads), 1, kHeadsMax},
    {"vision_config.intermediate_size", FieldKind::u32, MICA_FIELD(vision.feed_forward), 8, kFeedForwardMax},
    {"vision_config.image_size", FieldKind::first_u32, MICA_FIELD(vision.image_height), 1, 16384},
    {"vision_config.image_size", FieldKind::second_u32, MICA_FIELD(vision.image_width), 1, 16384},
    {"vision_config.patch_size", FieldKind::u32, MICA_FIELD(vision.patch), 1, 256},
    {"vision_config.layer_norm_eps", FieldKind::f32, MICA_FIELD(vision.norm_epsilon), 0, 0.1},
    {"vision_config.hidden_act", FieldKind::choice, MICA_FIELD(vision.activation), 0, 0, false, kActivations},
};

constexpr ConfigField kPreprocessor[] = {
    {"size.shortest_edge|size", FieldKind::u32, MICA_FIELD(pictures.shortest_edge), 1, 16384},
    {"crop_size.width|crop_size", FieldKind::u32, MICA_FIELD(pictures.width), 1, 16384},
    {"crop_size.height|crop_size", FieldKind::u32, MICA_FIELD(pictures.height), 1, 16384},
};

constexpr std::span<const ConfigField> kConfigs[] = {kDecoderConfig, kConfig};
constexpr std::span<const ConfigField> kPreprocessors[] = {kPictureNorm, kPreprocessor};

constexpr DerivedField kDerived[] = {
    {MICA_FIELD(vision.projector_hidden), MICA_FIELD(decoder.hidden)},
    {MICA_FIELD(pictures.shortest_edge), MICA_FIELD(vision.image_height)},
    {MICA_FIELD(pictures.width), MICA_FIELD(vision.image_width)},
    {MICA_FIELD(pictures.height), MICA_FIELD(vision.image_height)},
};

constexpr std::span<const DerivedField> kDerivedTables[] = {kDecoderDerived, kDerived};

constexpr TensorName kTensors[] = {
    {Slot::patch_embedding, Part::vision, false, true, "embeddings.patch_embedding"},
    {Slot::class_token, Part::vision, false, true, "embeddings.class_embedding"},
    {Slot::position_embedding, Part::vision, false, true, "embeddings.position_embedding"},
    {Slot::pre_norm, Part::vision, false, true, "pre_layrnorm"},
    {Slot::vision_norm1, Part::vision, true, true, "encoder.layers.{}.layer_norm1"},
    {Slot::vision_query, Part::vision, true, true, "encoder.layers.{}.self_attn.q_proj"},
    {Slot::vision_key, Part::vision, true, true, "encoder.layers.{}.self_attn.k_proj"},
    {Slot::vision_value, Part::vision, true, true, "encoder.layers.{}.self_attn.v_proj"},
    {Slot::vision_output, Part::vision, true, true, "encoder.layers.{}.self_attn.out_proj"},
    {Slot::vision_norm2, Part::vision, true, true, "encoder.layers.{}.layer_norm2"},
    {Slot::vision_up, Part::vision, true, true, "encoder.layers.{}.mlp.fc1"},
    {Slot::vision_down, Part::vision, true, true, "encoder.layers.{}.mlp.fc2"},
    {Slot::projector_up, Part::projector, false, true, "linear_1"},
    {Slot::projector_down, Part::projector, false, true, "linear_2"},
};
constexpr std::span<const TensorName> kTensorTables[] = {kDecoderTensors, kTensors};
constexpr const char* kVisionRoots[] = {"vision_tower.vision_model.", "vision_tower.",
                                        "model.vision_tower.vision_model.", "model.vision_tower."};
constexpr const char* kProjectorRoots[] = {"multi_modal_projector.", "model.multi_modal_projector."};

constexpr const ChatFormat* kChats[] = {&vicuna};

// The published config.json leaves out what equals the defaults of LlamaConfig and CLIPVisionConfig.
constexpr ModelSpec defaults() {
  ModelSpec spec;
  spec.has_vision = true;
  spec.decoder.layers = 32;
  spec.decoder.hidden = 4096;
  spec.decoder.feed_forward = 11008;
  spec.decoder.heads = 32;
  spec.decoder.vocabulary = 32000;
  spec.decoder.context = 2048;
  spec.vision.layers = 24;
  spec.vision.hidden = 1024;
  spec.vision.heads = 16;
  spec.vision.feed_forward = 4096;
  spec.vision.image_width = spec.vision.image_height = 336;
  spec.vision.patch = 14;
  spec.vision.norm_epsilon = 1e-5f;
  spec.vision.activation = Activation::quick_gelu;
  spec.vision.class_token = true;
  spec.vision.feature_layer = -2;
  spec.vision.projector = Projector::mlp;
  spec.pictures.cut = PictureCut::shortest_edge;
  return spec;
}

}  // namespace

constinit const Family llava = {
    .name = "llava",
    .model_types = kModelTypes,
    .defaults = defaults(),
    .config = kConfigs,
    .preprocessor = kPreprocessors,
    .derived = kDerivedTables,
    .tensors = kTensorTables,
    .roots = {kDecoderRoots, kHeadRoots, kVisionRoots, kProjectorRoots},
    .chats = kChats,
    .picture = {"", "", "\n"},
};

}  // namespace mica::tables
