// Video-LLaVA (LanguageBind/Video-LLaVA-7B-hf): LLaVA with two CLIP towers, one for pictures and one for a video's
// frames, whose class tokens are kept, and one projector behind both. Data only.
#include "clip.hpp"
#include "picture_processors.hpp"
#include "tables.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"video_llava"};
constexpr const char* kArchitectures[] = {"VideoLlavaForConditionalGeneration"};
constexpr const DecoderKind* kDecoders[] = {&kind_llama, &kind_mistral, &kind_qwen2, &kind_qwen3};
constexpr const char* kTowers[] = {"clip_vision_model"};

constexpr ConfigField kRoot[] = {
    {"vision_feature_select_strategy", FieldKind::choice, MICA_FIELD(vision.keep_class_token), 0, 0, false,
     kSelectStrategies},
    kVideoToken,
};

constexpr PictureProcessor kProcessors[] = {
    {"VideoLlavaImageProcessor", ProcessorSteps::resize_crop,
                                      frames_by_pillow(crop_values()), kClipTables}};
constexpr PictureProcessor kFrames = {"VideoLlavaVideoProcessor", ProcessorSteps::resize_crop, crop_values(),
                                      kFrameTables};

constexpr ConfigTable kConfigs[] = {
    {ConfigScope::root, kRootTie},
    {ConfigScope::root, kLlavaRoot},
    {ConfigScope::root, kRoot},
    {ConfigScope::vision, kClipTower},
    {ConfigScope::vision, kTowerForeign},
};

constexpr std::span<const DerivedField> kDerivedTables[] = {kDecoderDerived, kLlavaDerived};

constexpr auto kFrameTensors = in_section(Section::frames, kClipTensors);
constexpr std::span<const TensorName> kTensorTables[] = {kDecoderTensors, kClipTensors, kFrameTensors, kTwoMatrices};
constexpr const char* kPictureRoots[] = {"image_tower.vision_model.", "image_tower.", "model.image_tower.vision_model.",
                                         "model.image_tower."};
constexpr const char* kFrameRoots[] = {"video_tower.vision_model.", "video_tower.", "model.video_tower.vision_model.",
                                       "model.video_tower."};

constexpr Step kFrame[] = {
    {Op::linear, Slot::projector_up}, {Op::activate}, {Op::linear, Slot::projector_down}};

// VideoLlavaConfig has a larger tower where the file says nothing of one.
constexpr const char* kTowerAbsent =
    R"({"hidden_size": 1024, "image_size": 224, "intermediate_size": 4096, "num_attention_heads": 16,
        "num_hidden_layers": 24, "patch_size": 14})";

constexpr ModelSpec defaults() {
  ModelSpec spec = llava_defaults(clip_defaults());
  spec.video_token = 32001;
  spec.sampling.frames = 8;  // as it was trained
  return spec;
}

}  // namespace

extern constinit const Family video_llava = {
    .name = "video_llava",
    .model_types = kModelTypes,
    .architectures = kArchitectures,
    .defaults = defaults,
    .decoders = kDecoders,
    .text = TextPlace::nested,
    .towers = kTowers,
    .vision_absent = kTowerAbsent,
    .config = kConfigs,
    .processors = kProcessors,
    .published_processor = &kProcessors[0],
    .frame_processor = &kFrames,
    .derived = kDerivedTables,
    .tensors = kTensorTables,
    .roots = {kDecoderRoots, kHeadRoots, kPictureRoots, kTwoMatricesRoots, {}, kFrameRoots},
    .stem = kClipStem,
    .projector = kTwoMatricesSteps,
    .frame = kFrame,
    .projector_title = "two matrices",
    .picture = kPictureLine,
};

}  // namespace mica::tables
