// GLM-4.1V (zai-org/GLM-4.1V-9B-Thinking): a tower with 2-D RoPE beside learned positions of any grid, M-RoPE in the
// decoder. Data only.
#include "glm.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"glm4v"};
constexpr const char* kArchitectures[] = {"Glm4vForConditionalGeneration"};
constexpr const DecoderKind* kDecoders[] = {&kind_glm4v};
constexpr const char* kTowers[] = {"glm4v_vision", "glm4v"};  // as transformers 5 and 4 call it

// A template shows a video by a token of its own, in whose place its frames stand as pictures do.
constexpr ConfigField kRoot[] = {
    kVideoToken,
    {"video_start_token_id", FieldKind::i32, MICA_FIELD(video_begin), 0, kVocabularyMax},
    {"video_end_token_id", FieldKind::i32, MICA_FIELD(video_end), 0, kVocabularyMax},
};

constexpr PictureProcessor kFrames = {"Glm4vVideoProcessor", ProcessorSteps::smart_resize_video,
                                      smart_resize_values(112 * 112, 28 * 28 * 2 * 30000), kWholeVideoTables};
constexpr PicturePiece kVideo[] = {
    {PicturePiece::Kind::control, "<|begin_of_video|>"},
    {PicturePiece::Kind::control, "<|begin_of_image|>", PieceOf::frame},
    {PicturePiece::Kind::tokens, nullptr, PieceOf::frame},
    {PicturePiece::Kind::control, "<|end_of_image|>", PieceOf::frame},
    {PicturePiece::Kind::text, "{seconds}", PieceOf::frame},
    {PicturePiece::Kind::control, "<|end_of_video|>"},
};

constexpr ConfigField kTower[] = {
    {"intermediate_size", FieldKind::u32, MICA_FIELD(vision.projector_hidden), 8, kFeedForwardMax},
    {"image_size", FieldKind::square_u32, MICA_FIELD(vision.position_pixels), 1, 16384},
};

constexpr ConfigTable kConfigs[] = {
    {ConfigScope::root, kRootTie},
    {ConfigScope::root, kGlmRoot},
    {ConfigScope::root, kRoot},
    {ConfigScope::vision, kGlmTower},
    {ConfigScope::vision, kTower},
    {ConfigScope::vision, kTowerForeign},
    {ConfigScope::vision_rope, kTowerRope},
};

// Between the layers' own matrices as wide as the output; intermediate_size is the projector's.
constexpr DerivedField kDerived[] = {
    {MICA_FIELD(vision.feed_forward), MICA_FIELD(vision.output)},
    {MICA_FIELD(vision.projector_merged), MICA_FIELD(vision.output)},
};
constexpr std::span<const DerivedField> kDerivedTables[] = {kDecoderDerived, kDerived, kPositionsOfPixels};

constexpr TensorName kTensors[] = {
    {Slot::pre_norm, Section::vision, true, "post_conv_layernorm", "v.norm_embd"},
    {Slot::position_embedding, Section::vision, true, "embeddings.position_embedding", "v.position_embd"},
};
constexpr std::span<const TensorName> kTensorTables[] = {kGlmDecoderTensors, kGlmTowerTensors, kTensors};

constexpr Step kStem[] = {
    {Op::linear, Slot::patch_embedding},
    {Op::norm, Slot::pre_norm},
    {Op::resample, Slot::position_embedding},
};

constexpr const char* kGgufConfig = R"json({
  "architectures": ["Glm4vForConditionalGeneration"], "model_type": "glm4v", "image_token_id": $(token <|image|>),
  "video_token_id": $(token <|video|>), "video_start_token_id": $(token <|begin_of_video|>),
  "video_end_token_id": $(token <|end_of_video|>),
  "text_config": $(text),
  "vision_config": {
    "depth": $(clip.vision.block_count), "hidden_size": $(clip.vision.embedding_length),
    "out_hidden_size": $(clip.vision.projection_dim), "num_heads": $(clip.vision.attention.head_count),
    "intermediate_size": $(rows mm.up.weight), "image_size": $(side v.position_embd.weight clip.vision.patch_size),
    "patch_size": $(clip.vision.patch_size),
    "spatial_merge_size": $(clip.vision.spatial_merge_size|2), "temporal_patch_size": 2,
    "rms_norm_eps": $(clip.vision.attention.layer_norm_epsilon), "attention_bias": $(v.blk.0.attn_qkv.bias?true:false),
    "hidden_act": "silu"}})json";

constexpr ModelSpec defaults() {
  ModelSpec spec = glm_model(1536, 12, 4096, 151343);
  spec.video_token = 151344;
  spec.video_begin = 151341;
  spec.video_end = 151342;
  spec.sampling = {.per_second = 2, .spread = FrameSpread::seconds, .multiple = 2, .seconds_max = 300};
  spec.vision.projector_hidden = 13696;
  spec.vision.qkv_bias = false;
  spec.vision.position_rule = PositionRule::bicubic_centers;
  spec.vision.position_pixels = 336;
  return spec;
}

}  // namespace

extern constinit const Family glm4v = {
    .name = "glm4v",
    .model_types = kModelTypes,
    .architectures = kArchitectures,
    .defaults = defaults,
    .decoders = kDecoders,
    .text = TextPlace::nested_or_root,
    .towers = kTowers,
    .config = kConfigs,
    .processors = kGlmProcessors,
    .published_processor = &kGlmProcessors[0],
    .frame_processor = &kFrames,
    .derived = kDerivedTables,
    .tensors = kTensorTables,
    .unread = kGlmUnread,
    .roots = {kDecoderRoots, kHeadRoots, kGlmVisionRoots, kGlmVisionRoots},
    .gguf = {.architecture = "glm4",
             .text = kGlmGgufText,
             .projector = "glm4v",
             .told_by = "v.position_embd.weight",
             .config = kGgufConfig,
             .processor = kGlmGgufProcessor},
    .stem = kStem,
    .projector = kGlmProjector,
    .frame = kGlmProjector,
    .projector_title = "convolution and gated MLP",
    .picture = kGlmPicture,
    .video = kVideo,
};

}  // namespace mica::tables
