// GLM-OCR (zai-org/GLM-OCR): a reader of documents. As GLM-4.1V, without learned positions, with norms of queries and keys
// in the tower. Data only.
#include "glm.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"glm_ocr"};
constexpr const char* kArchitectures[] = {"GlmOcrForConditionalGeneration"};
constexpr const DecoderKind* kDecoders[] = {&kind_glm_ocr};
constexpr const char* kTowers[] = {"glm_ocr_vision", "glm_ocr"};  // as transformers 5 and 4 call it

constexpr ConfigField kRoot[] = {no_effect("video_start_token_id|video_end_token_id")};
constexpr ConfigField kTower[] = {
    {"intermediate_size", FieldKind::u32, MICA_FIELD(vision.feed_forward), 8, kFeedForwardMax},
    no_effect("image_size"),  // there are no learned positions
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

constexpr DerivedField kDerived[] = {
    {MICA_FIELD(vision.projector_merged), MICA_FIELD(vision.output)},
    {MICA_FIELD(vision.projector_hidden), MICA_FIELD(vision.output), MICA_FIELD(vision.colors)},
};
constexpr std::span<const DerivedField> kDerivedTables[] = {kDecoderDerived, kDerived};

constexpr TensorName kTensors[] = {
    {Slot::query_norm, Section::vision, true, "blocks.{}.attn.q_norm", "v.blk.{}.attn_q_norm"},
    {Slot::key_norm, Section::vision, true, "blocks.{}.attn.k_norm", "v.blk.{}.attn_k_norm"},
};
constexpr std::span<const TensorName> kTensorTables[] = {kGlmDecoderTensors, kGlmTowerTensors, kTensors};

constexpr Step kStem[] = {{Op::linear, Slot::patch_embedding}};

constexpr const char* kGgufConfig = R"json({
  "architectures": ["GlmOcrForConditionalGeneration"], "model_type": "glm_ocr", "image_token_id": $(token <|image|>),
  "text_config": $(text),
  "vision_config": {
    "depth": $(clip.vision.block_count), "hidden_size": $(clip.vision.embedding_length),
    "out_hidden_size": $(clip.vision.projection_dim), "num_heads": $(clip.vision.attention.head_count),
    "intermediate_size": $(rows v.blk.0.ffn_up.weight), "patch_size": $(clip.vision.patch_size),
    "spatial_merge_size": $(clip.vision.spatial_merge_size|2), "temporal_patch_size": 2,
    "rms_norm_eps": $(clip.vision.attention.layer_norm_epsilon), "attention_bias": $(v.blk.0.attn_qkv.bias?true:false),
    "hidden_act": "silu"}})json";

constexpr ModelSpec defaults() {
  ModelSpec spec = glm_model(1024, 16, 1536, 59280);
  spec.vision.feed_forward = 4096;
  spec.vision.head_norms = true;
  return spec;
}

}  // namespace

extern constinit const Family glm_ocr = {
    .name = "glm_ocr",
    .model_types = kModelTypes,
    .architectures = kArchitectures,
    .defaults = defaults,
    .decoders = kDecoders,
    .text = TextPlace::nested_or_root,
    .towers = kTowers,
    .config = kConfigs,
    .processors = kGlmProcessors,
    .published_processor = &kGlmProcessors[1],
    .derived = kDerivedTables,
    .tensors = kTensorTables,
    .unread = kGlmUnread,
    .roots = {kDecoderRoots, kHeadRoots, kGlmVisionRoots, kGlmVisionRoots},
    .gguf = {.architecture = "glm4",
             .text = kGlmGgufText,
             .projector = "glm4v",
             .config = kGgufConfig,
             .processor = kGlmGgufProcessor},
    .stem = kStem,
    .projector = kGlmProjector,
    .projector_title = "convolution and gated MLP",
    .picture = kGlmPicture,
};

}  // namespace mica::tables
