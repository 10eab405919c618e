// LLaVA 1.5 (llava-hf/llava-1.5-7b-hf): a CLIP tower whose last but one layer is read, two matrices, a Llama decoder.
// Data only.
#include "clip.hpp"
#include "picture_processors.hpp"
#include "tables.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"llava"};
constexpr const char* kArchitectures[] = {"LlavaForConditionalGeneration"};
constexpr const char* kTowers[] = {"clip_vision_model"};

constexpr ConfigField kRoot[] = {
    {"vision_feature_select_strategy", FieldKind::choice, MICA_FIELD(vision.keep_class_token), 0, 0, false,
     kSelectStrategies},
};

constexpr ProcessorField kLlavaFields[] = {
    {"do_pad", ProcessorFieldKind::boolean, MICA_PROCESSOR_FIELD(do_pad)},
    {"pad_size", ProcessorFieldKind::no_effect},  // what do_pad pads to is a square
};
constexpr std::span<const ProcessorField> kLlavaTables[] = {kProcessorFields, kCropFields, kLlavaFields};

constexpr PictureProcessor kProcessors[] = {
    {"LlavaImageProcessor", ProcessorSteps::pad_resize_crop, crop_values(), kLlavaTables},
    {"CLIPImageProcessor", ProcessorSteps::resize_crop, crop_values(), kClipTables},
};

constexpr ConfigTable kConfigs[] = {
    {ConfigScope::root, kRootTie},
    {ConfigScope::root, kLlavaRoot},
    {ConfigScope::root, kRoot},
    {ConfigScope::vision, kClipTower},
    {ConfigScope::vision, kTowerForeign},
};

constexpr std::span<const DerivedField> kDerivedTables[] = {kDecoderDerived, kLlavaDerived};

constexpr std::span<const TensorName> kTensorTables[] = {kDecoderTensors, kClipTensors, kTwoMatrices};

// Of a text file and its projector: the layers above the one that features are taken from are not in it.
constexpr const char* kGgufConfig = R"json({
  "architectures": ["LlavaForConditionalGeneration"], "model_type": "llava",
  "image_token_index": $(token <image>), "projector_hidden_act": "gelu",
  "vision_feature_layer": -1, "vision_feature_select_strategy": "default",
  "text_config": $(text),
  "vision_config": {
    "model_type": "clip_vision_model", "hidden_size": $(clip.vision.embedding_length),
    "intermediate_size": $(clip.vision.feed_forward_length), "num_hidden_layers": $(clip.vision.block_count),
    "num_attention_heads": $(clip.vision.attention.head_count), "image_size": $(clip.vision.image_size),
    "patch_size": $(clip.vision.patch_size), "layer_norm_eps": $(clip.vision.attention.layer_norm_epsilon),
    "hidden_act": "$(clip.use_gelu?gelu:quick_gelu)"}})json";
constexpr const char* kGgufProcessor = R"json({
  "image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": $(clip.vision.image_size)},
  "crop_size": {"height": $(clip.vision.image_size), "width": $(clip.vision.image_size)},
  "image_mean": $(clip.vision.image_mean), "image_std": $(clip.vision.image_std)})json";

constexpr ModelSpec defaults() { return llava_defaults(clip_defaults()); }

}  // namespace

extern constinit const Family llava = {
    .name = "llava",
    .model_types = kModelTypes,
    .architectures = kArchitectures,
    .defaults = defaults,
    .decoders = kLlavaDecoders,
    .text = TextPlace::nested,
    .towers = kTowers,
    .vision_absent = kClipTowerAbsent,
    .config = kConfigs,
    .processors = kProcessors,
    .published_processor = &kProcessors[1],
    .derived = kDerivedTables,
    .tensors = kTensorTables,
    .roots = {kDecoderRoots, kHeadRoots, kTowerRoots, kTwoMatricesRoots},
    .gguf = {.projector = "mlp", .config = kGgufConfig, .processor = kGgufProcessor},
    .stem = kClipStem,
    .projector = kTwoMatricesSteps,
    .projector_title = "two matrices",
    .picture = kPictureLine,
};

}  // namespace mica::tables
