// Gemma 4 without a tower (google/gemma-4-12B-it): squares of pixels become tokens by norms, two matrices and the
// positions of their column and row. Data only.
#include "gemma4.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"gemma4_unified"};
constexpr const char* kArchitectures[] = {"Gemma4UnifiedForConditionalGeneration"};
constexpr const DecoderKind* kDecoders[] = {&kind_gemma4_unified};
constexpr const char* kTowers[] = {"gemma4_unified_vision"};

constexpr ConfigField kEmbedder[] = {
    {"mm_embed_dim", FieldKind::u32, MICA_FIELD(vision.hidden), 8, kHiddenMax},
    {"output_proj_dims", FieldKind::u32, MICA_FIELD(vision.feature_width), 8, kHiddenMax},
    {"mm_posemb_size", FieldKind::u32, MICA_FIELD(vision.position_count), 1, kPositionsMax},
    {"patch_size", FieldKind::u32, MICA_FIELD(vision.patch_unit), 1, limits::kPatchSideMax},
    {"pooling_kernel_size", FieldKind::u32, MICA_FIELD(vision.patch_units), 1, limits::kPatchMergeMax},
    {"rms_norm_eps", FieldKind::f32, MICA_FIELD(vision.projector_norm_epsilon), 0, 0.1},
};

constexpr ConfigTable kConfigs[] = {
    {ConfigScope::root, kRootTie},
    {ConfigScope::root, kGemma4Root},
    {ConfigScope::vision, kEmbedder},
    {ConfigScope::vision, kTowerForeign},
};

constexpr PictureProcessor kProcessors[] = {
    {"Gemma4UnifiedImageProcessor", ProcessorSteps::budget, gemma4_values(), kGemma4ProcessorTables}};
constexpr PictureProcessor kFrames = {"Gemma4UnifiedVideoProcessor", ProcessorSteps::budget, gemma4_frame_values(),
                                      kGemma4FrameTables};

constexpr DerivedField kPatch[] = {
    {MICA_FIELD(vision.patch), MICA_FIELD(vision.patch_unit), MICA_FIELD(vision.patch_units)},
};
constexpr std::span<const DerivedField> kDerivedTables[] = {kDecoderDerived, kPatch};

constexpr TensorName kEmbedderTensors[] = {
    {Slot::patch_norm, Section::vision, true, "patch_ln1", "#v.patch_norm.1"},
    {Slot::patch_embedding, Section::vision, true, "patch_dense", "%v.patch_embd"},
    {Slot::pre_norm, Section::vision, true, "patch_ln2", "v.patch_norm.2"},
    {Slot::position_embedding, Section::vision, true, "pos_embedding", "&v.position_embd.weight"},
    {Slot::post_norm, Section::vision, true, "pos_norm", "v.patch_norm.3"},
};
constexpr std::span<const TensorName> kTensorTables[] = {kGemma4Tensors, kEmbedderTensors, kGemma4Projector};
constexpr const char* kVisionRoots[] = {"model.vision_embedder.", "vision_embedder."};

constexpr Step kStem[] = {
    {Op::norm, Slot::patch_norm},
    {Op::linear, Slot::patch_embedding},
    {Op::norm, Slot::pre_norm},
    {Op::add_axes, Slot::position_embedding},
    {Op::norm, Slot::post_norm},
};
constexpr Step kProjector[] = {
    {Op::norm, Slot::projector_norm},
    {Op::linear, Slot::projector_down},
};

constexpr const char* kGgufConfig = MICA_GEMMA4_GGUF("Gemma4UnifiedForConditionalGeneration", "gemma4_unified")
    R"json("vision_config": {
    "mm_embed_dim": $(clip.vision.embedding_length), "output_proj_dims": $(columns mm.input_projection.weight),
    "mm_posemb_size": $(columns v.position_embd.weight), "patch_size": $(clip.vision.patch_size),
    "pooling_kernel_size": $(clip.vision.projector.scale_factor|3),
    "rms_norm_eps": $(clip.vision.attention.layer_norm_epsilon)}})json";

constexpr ModelSpec defaults() {
  ModelSpec spec;
  spec.has_vision = true;
  spec.picture_token = 258880;
  spec.video_token = 258884;
  spec.sampling = kGemma4Sampling;
  VisionSpec& v = spec.vision;
  v.towerless = true;
  v.hidden = 3840;
  v.position_count = 1120;
  v.axes_by_place = true;
  v.patch_unit = 16;
  v.patch_units = 3;
  v.norm_epsilon = 1e-5f;  // PyTorch's default
  v.projector_norm = Norm::rms;
  v.projector_norm_epsilon = 1e-6f;
  v.projector_bias = false;
  return spec;
}

}  // namespace

extern constinit const Family gemma4_unified = {
    .name = "gemma4_unified",
    .model_types = kModelTypes,
    .architectures = kArchitectures,
    .defaults = defaults,
    .decoders = kDecoders,
    .text = TextPlace::nested,
    .towers = kTowers,
    .config = kConfigs,
    .processors = kProcessors,
    .published_processor = &kProcessors[0],
    .frame_processor = &kFrames,
    .derived = kDerivedTables,
    .tensors = kTensorTables,
    .unread = kGemma4Unread,
    .roots = {kDecoderRoots, kHeadRoots, kVisionRoots, kGemma4ProjectorRoots},
    .gguf = {.architecture = "gemma4",
             .text = kGemma4GgufText,
             .projector = "gemma4uv",
             .config = kGgufConfig,
             .processor = kGemma4GgufProcessor},
    .stem = kStem,
    .projector = kProjector,
    .frame = kProjector,
    .projector_title = "one matrix",
    .picture = kGemma4Picture,
    .video = kGemma4Video,
    .video_in_template = kGemma4VideoInTemplate,
};

}  // namespace mica::tables
