// InternVL2 (OpenGVLab/InternVL2-8B and its kin, as published with their own code): tiles that config.json asks for and
// a thumbnail, an InternViT tower, pixel shuffle, an InternLM2, Qwen2, Phi 3 or Llama decoder. Not transformers' layout
// of the same models: internvl.cpp. Data only.
#include "intern_vit.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"internvl_chat"};
constexpr const char* kArchitectures[] = {"InternVLChatModel"};
constexpr const DecoderKind* kDecoders[] = {&kind_internlm2, &kind_qwen2, &kind_qwen3, &kind_llama, &kind_phi3};
constexpr const char* kTowers[] = {"intern_vit_6b"};

constexpr Choice kTokenOrder[] = {{"v1", 1}, {"v2", 0}};
constexpr Choice kOnlyZero[] = {{"0", 0}};

// conversation.py: which words name which turns.
constexpr const ChatFormat* kChats[] = {&internvl2_turns, &internvl25_turns, &internvl2_phi3_turns};
constexpr Choice kTemplates[] = {{"internlm2-chat", 1}, {"Hermes-2", 1}, {"internvl2_5", 2}, {"phi3-chat", 3}};

constexpr ConfigField kRoot[] = {
    {"downsample_ratio", FieldKind::inverse_u32, MICA_FIELD(vision.merge), 1, 16},
    {"select_layer", FieldKind::i32, MICA_FIELD(vision.feature_layer), -kLayersMax, kLayersMax},
    {"template", FieldKind::choice, MICA_FIELD(chat), 0, 0, true, kTemplates},
    {"ps_version", FieldKind::choice, MICA_FIELD(vision.tokens_by_column), 0, 0, false, kTokenOrder},
    {"force_image_size", FieldKind::null_u32, MICA_FIELD(pictures.width), 1, 16384},
    {"force_image_size", FieldKind::null_u32, MICA_FIELD(pictures.height), 1, 16384},
    {"dynamic_image_size", FieldKind::boolean, MICA_FIELD(pictures.tiled)},
    {"min_dynamic_patch", FieldKind::u32, MICA_FIELD(pictures.tiles_min), 1, 256},
    {"max_dynamic_patch", FieldKind::u32, MICA_FIELD(pictures.tiles_max), 1, 256},
    {"use_thumbnail", FieldKind::boolean, MICA_FIELD(pictures.thumbnail)},
    only("pad2square", kOnlyFalse),
    only("use_backbone_lora|use_llm_lora", kOnlyZero),
    no_effect("hidden_size"), no_effect("system_message"), no_effect("num_image_token"),
};

constexpr ConfigField kTower[] = {
    {"num_hidden_layers", FieldKind::u32, MICA_FIELD(vision.layers), 1, kLayersMax},
    {"hidden_size", FieldKind::u32, MICA_FIELD(vision.hidden), 8, kHiddenMax},
    {"num_attention_heads", FieldKind::u32, MICA_FIELD(vision.heads), 1, kHeadsMax},
    {"intermediate_size", FieldKind::u32, MICA_FIELD(vision.feed_forward), 8, kFeedForwardMax},
    {"image_size", FieldKind::square_u32, MICA_FIELD(vision.image_height), 1, 16384},
    {"image_size", FieldKind::square_u32, MICA_FIELD(vision.image_width), 1, 16384},
    {"patch_size", FieldKind::square_u32, MICA_FIELD(vision.patch), 1, 256},
    {"layer_norm_eps", FieldKind::f32, MICA_FIELD(vision.norm_epsilon), 0, 0.1},
    {"layer_norm_eps", FieldKind::f32, MICA_FIELD(vision.head_norm_epsilon), 0, 0.1},
    {"norm_type", FieldKind::choice, MICA_FIELD(vision.norm), 0, 0, false, kInternNorms},
    {"hidden_act", FieldKind::choice, MICA_FIELD(vision.activation), 0, 0, false, kActivations},
    {"qkv_bias", FieldKind::boolean, MICA_FIELD(vision.qkv_bias)},
    {"qk_normalization", FieldKind::boolean, MICA_FIELD(vision.width_norms)},
    only("num_channels", kOnlyThree),
    no_effect("use_flash_attn"), no_effect("drop_path_rate"),
};

// The published file is a CLIPFeatureExtractor's, of which load_image of the model's card uses the colours alone.
constexpr ProcessorField kUnused[] = {
    {"do_resize", ProcessorFieldKind::no_effect}, {"do_center_crop", ProcessorFieldKind::no_effect},
    {"crop_size", ProcessorFieldKind::no_effect}, {"size", ProcessorFieldKind::no_effect},
    {"do_pad", ProcessorFieldKind::no_effect},    {"pad_size", ProcessorFieldKind::no_effect},
};
constexpr std::span<const ProcessorField> kProcessorTables[] = {kProcessorFields, kUnused};
constexpr PictureProcessor kProcessors[] = {
    {"CLIPImageProcessor", ProcessorSteps::tiles_of_config, imagenet_values(), kProcessorTables}};

constexpr ConfigTable kConfigs[] = {
    {ConfigScope::root, kRootTie},
    {ConfigScope::root, kRoot},
    {ConfigScope::vision, kTower},
    {ConfigScope::vision, kTowerForeign},
};

constexpr DerivedField kDerived[] = {
    {MICA_FIELD(vision.projector_hidden), MICA_FIELD(decoder.hidden)},
};
constexpr std::span<const DerivedField> kDerivedTables[] = {kDecoderDerived, kDerived};

constexpr TensorName kTensors[] = {
    {Slot::patch_embedding, Section::vision, true, "embeddings.patch_embedding"},
    {Slot::class_token, Section::vision, true, "embeddings.class_embedding"},
    {Slot::position_embedding, Section::vision, true, "embeddings.position_embedding"},
    {Slot::attention_norm, Section::vision, true, "encoder.layers.{}.norm1"},
    {Slot::qkv, Section::vision, true, "encoder.layers.{}.attn.qkv"},
    {Slot::query_norm, Section::vision, false, "encoder.layers.{}.attn.q_norm"},
    {Slot::key_norm, Section::vision, false, "encoder.layers.{}.attn.k_norm"},
    {Slot::output, Section::vision, true, "encoder.layers.{}.attn.proj"},
    {Slot::attention_scale, Section::vision, true, "encoder.layers.{}.ls1"},
    {Slot::mlp_norm, Section::vision, true, "encoder.layers.{}.norm2"},
    {Slot::up, Section::vision, true, "encoder.layers.{}.mlp.fc1"},
    {Slot::down, Section::vision, true, "encoder.layers.{}.mlp.fc2"},
    {Slot::mlp_scale, Section::vision, true, "encoder.layers.{}.ls2"},
    {Slot::projector_norm, Section::projector, true, "0"},
    {Slot::projector_up, Section::projector, true, "1"},
    {Slot::projector_down, Section::projector, true, "3"},
};
constexpr std::span<const TensorName> kTensorTables[] = {kDecoderTensors, kTensors};
constexpr const char* kDecoderRoot[] = {"language_model.model."};
constexpr const char* kHeadRoot[] = {"language_model."};
constexpr const char* kVisionRoots[] = {"vision_model."};
constexpr const char* kProjectorRoots[] = {"mlp1."};

// The defaults of the published configuration classes.
constexpr ModelSpec defaults() {
  ModelSpec spec;
  spec.has_vision = true;
  spec.vision.layers = 48;
  spec.vision.hidden = 3200;
  spec.vision.heads = 25;
  spec.vision.feed_forward = 12800;
  spec.vision.image_width = spec.vision.image_height = 224;
  spec.vision.patch = 14;
  spec.vision.merge = 2;
  spec.vision.norm = Norm::rms;
  spec.vision.qkv_bias = false;
  spec.vision.width_norms = true;
  spec.vision.tokens_by_column = true;
  spec.vision.projector_norm_epsilon = 1e-5f;  // PyTorch's default
  spec.pictures.tiled = false;
  spec.pictures.tiles_max = 6;
  spec.pictures.thumbnail = false;
  return spec;
}

}  // namespace

extern constinit const Family internvl2 = {
    .name = "internvl2",
    .model_types = kModelTypes,
    .architectures = kArchitectures,
    .defaults = defaults,
    .decoders = kDecoders,
    .text = TextPlace::nested,
    .text_name = "llm_config",
    .text_class_tells = true,
    .towers = kTowers,
    .config = kConfigs,
    .processors = kProcessors,
    .published_processor = &kProcessors[0],
    .derived = kDerivedTables,
    .tensors = kTensorTables,
    .roots = {kDecoderRoot, kHeadRoot, kVisionRoots, kProjectorRoots},
    .stem = kInternStem,
    .projector = kInternProjector,
    .projector_title = "pixel shuffle, two matrices",
    .picture = kInternPicture,
    .picture_token = "<IMG_CONTEXT>",
    .chats = kChats,
};

}  // namespace mica::tables
