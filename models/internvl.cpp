// InternVL 2.5 and 3 in transformers' layout (OpenGVLab/InternVL3-1B-hf): tiles and a thumbnail, an InternViT tower,
// pixel shuffle, a Qwen2 decoder. Data only.
#include "tables.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"internvl"};

constexpr Choice kNoQueryNorm[] = {{"false", 0}};
constexpr Choice kLayerNorm[] = {{"layer_norm", static_cast<uint8_t>(Norm::layer)},
                                 {"rms_norm", static_cast<uint8_t>(Norm::rms)}};
constexpr Choice kSelectStrategies[] = {{"default", 0}, {"full", 1}};

constexpr ConfigField kConfig[] = {
    {"image_token_id|image_token_index", FieldKind::i32, MICA_FIELD(picture_token), 0, kVocabularyMax, true},
    {"downsample_ratio", FieldKind::inverse_u32, MICA_FIELD(vision.merge), 1, 16},
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
    {"vision_config.patch_size", FieldKind::first_u32, MICA_FIELD(vision.patch), 1, 256},
    {"vision_config.layer_norm_eps", FieldKind::f32, MICA_FIELD(vision.norm_epsilon), 0, 0.1},
    {"vision_config.norm_type", FieldKind::choice, MICA_FIELD(vision.norm), 0, 0, false, kLayerNorm},
    {"vision_config.use_qk_norm", FieldKind::choice, MICA_FIELD(accepted), 0, 0, false, kNoQueryNorm},
    {"vision_config.hidden_act", FieldKind::choice, MICA_FIELD(vision.activation), 0, 0, false, kActivations},
};

// crop_to_patches is not read: transformers' InternVLProcessor always asks for it, whatever the file says.
constexpr ConfigField kPreprocessor[] = {
    {"size.width|size", FieldKind::u32, MICA_FIELD(pictures.width), 1, 16384},
    {"size.height|size", FieldKind::u32, MICA_FIELD(pictures.height), 1, 16384},
    {"min_patches", FieldKind::u32, MICA_FIELD(pictures.tiles_min), 1, 256},
    {"max_patches", FieldKind::u32, MICA_FIELD(pictures.tiles_max), 1, 256},
};

constexpr std::span<const ConfigField> kConfigs[] = {kDecoderConfig, kConfig};
constexpr std::span<const ConfigField> kPreprocessors[] = {kPictureNorm, kPreprocessor};

constexpr DerivedField kDerived[] = {
    {MICA_FIELD(vision.projector_hidden), MICA_FIELD(decoder.hidden)},
    {MICA_FIELD(pictures.width), MICA_FIELD(vision.image_width)},
    {MICA_FIELD(pictures.height), MICA_FIELD(vision.image_height)},
};

constexpr std::span<const DerivedField> kDerivedTables[] = {kDecoderDerived, kDerived};

constexpr TensorName kTensors[] = {
    {Slot::patch_embedding, Part::vision, false, true, "embeddings.patch_embeddings.projection"},
    {Slot::class_token, Part::vision, false, true, "embeddings.cls_token"},
    {Slot::position_embedding, Part::vision, false, true, "embeddings.position_embeddings"},
    {Slot::vision_norm1, Part::vision, true, true, "encoder.layer.{}.layernorm_before"},
    {Slot::vision_query, Part::vision, true, true, "encoder.layer.{}.attention.q_proj"},
    {Slot::vision_key, Part::vision, true, true, "encoder.layer.{}.attention.k_proj"},
    {Slot::vision_value, Part::vision, true, true, "encoder.layer.{}.attention.v_proj"},
    {Slot::vision_output, Part::vision, true, true, "encoder.layer.{}.attention.projection_layer"},
    {Slot::vision_scale1, Part::vision, true, true, "encoder.layer.{}.lambda_1"},
    {Slot::vision_norm2, Part::vision, true, true, "encoder.layer.{}.layernorm_after"},
    {Slot::vision_up, Part::vision, true, true, "encoder.layer.{}.mlp.fc1"},
    {Slot::vision_down, Part::vision, true, true, "encoder.layer.{}.mlp.fc2"},
    {Slot::vision_scale2, Part::vision, true, true, "encoder.layer.{}.lambda_2"},
    {Slot::post_norm, Part::vision, false, false, "layernorm"},  // only where use_mean_pooling is false
    {Slot::projector_norm, Part::projector, false, true, "layer_norm"},
    {Slot::projector_up, Part::projector, false, true, "linear_1"},
    {Slot::projector_down, Part::projector, false, true, "linear_2"},
};
constexpr std::span<const TensorName> kTensorTables[] = {kDecoderTensors, kTensors};
constexpr const char* kVisionRoots[] = {"vision_tower.", "model.vision_tower.", "vision_tower.vision_model."};
constexpr const char* kProjectorRoots[] = {"multi_modal_projector.", "model.multi_modal_projector."};

constexpr const ChatFormat* kChats[] = {&chatml_plain};

constexpr ModelSpec defaults() {
  ModelSpec spec;
  spec.has_vision = true;
  spec.decoder.context = 32768;
  spec.decoder.rope.theta = 1e6f;
  spec.vision.layers = 24;
  spec.vision.hidden = 1024;
  spec.vision.heads = 16;
  spec.vision.feed_forward = 4096;
  spec.vision.image_width = spec.vision.image_height = 448;
  spec.vision.patch = 14;
  spec.vision.merge = 2;
  spec.vision.class_token = true;
  spec.vision.projector = Projector::pixel_shuffle;
  spec.vision.projector_norm_epsilon = 1e-5f;  // PyTorch's default
  spec.pictures.cut = PictureCut::tiles;
  spec.pictures.tiles_max = 12;
  return spec;
}

}  // namespace

constinit const Family internvl = {
    .name = "internvl",
    .model_types = kModelTypes,
    .defaults = defaults(),
    .config = kConfigs,
    .preprocessor = kPreprocessors,
    .derived = kDerivedTables,
    .tensors = kTensorTables,
    .roots = {kDecoderRoots, kHeadRoots, kVisionRoots, kProjectorRoots},
    .chats = kChats,
    .picture = {"<img>", "</img>", "\n"},
};

}  // namespace mica::tables
