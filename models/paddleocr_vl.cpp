// PaddleOCR-VL (PaddlePaddle/PaddleOCR-VL): a reader of documents. A SigLIP tower with 2-D RoPE beside learned positions,
// M-RoPE in the decoder. Data only.
#include "picture_processors.hpp"
#include "siglip.hpp"
#include "tables.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"paddleocr_vl"};
constexpr const char* kArchitectures[] = {"PaddleOCRVLForConditionalGeneration"};
constexpr const DecoderKind* kDecoders[] = {&kind_paddleocr_vl};
constexpr const char* kTowers[] = {"paddleocr_vl_vision", "paddleocr_vl"};  // as transformers 5 and 4 call it

constexpr ConfigField kRoot[] = {
    // What the published file has for the authors' own code.
    no_effect("auto_map|compression_ratio|ignored_index|max_sequence_length|use_flash_attention|weight_share_add_bias|"
              "use_3d_rope|rope_is_neox_style"),
};

constexpr ConfigField kTower[] = {
    {"num_hidden_layers", FieldKind::u32, MICA_FIELD(vision.layers), 1, kLayersMax},
    {"hidden_size", FieldKind::u32, MICA_FIELD(vision.hidden), 8, kHiddenMax},
    {"intermediate_size", FieldKind::u32, MICA_FIELD(vision.feed_forward), 8, kFeedForwardMax},
    {"num_attention_heads", FieldKind::u32, MICA_FIELD(vision.heads), 1, kHeadsMax},
    {"image_size", FieldKind::square_u32, MICA_FIELD(vision.position_pixels), 1, 16384},
    {"patch_size", FieldKind::square_u32, MICA_FIELD(vision.patch), 1, 256},
    {"spatial_merge_size", FieldKind::u32, MICA_FIELD(vision.merge), 1, 16},
    {"hidden_act", FieldKind::choice, MICA_FIELD(vision.activation), 0, 0, false, kActivations},
    {"layer_norm_eps", FieldKind::f32, MICA_FIELD(vision.norm_epsilon), 0, 0.1},
    {"rope_theta", FieldKind::f32, MICA_FIELD(vision.rope_theta), 1, 1e12},
    only("num_channels", kOnlyThree),
    no_effect("auto_map|temporal_patch_size|tokens_per_second"),  // its processor makes one frame of a picture
};

constexpr PictureProcessor kProcessors[] = {{"PaddleOCRVLImageProcessor", ProcessorSteps::smart_resize_enlarged,
                                             one_frame(smart_resize_values(384 * 384, 1536 * 1536)),
                                             kSmartResizeTables}};
// PaddlePaddle/PaddleOCR-VL: 188 to 3,600 tokens.
constexpr PictureProcessor kPublished = {"PaddleOCRVLImageProcessor", ProcessorSteps::smart_resize_enlarged,
                                         one_frame(smart_resize_values(147384, 2822400)), kSmartResizeTables};

constexpr ConfigTable kConfigs[] = {
    {ConfigScope::root, kRootTie},
    {ConfigScope::root, kPictureToken},
    {ConfigScope::root, kRoot},
    {ConfigScope::vision, kTower},
    {ConfigScope::vision, kTowerForeign},
    {ConfigScope::vision_rope, kTowerRope},
};

constexpr std::span<const DerivedField> kDerivedTables[] = {kDecoderDerived, kProjectorAsJoined, kPositionsOfPixels};

constexpr TensorName kTensors[] = {
    {Slot::projector_norm, Section::projector, true, "pre_norm", "mm.input_norm"},
    {Slot::projector_up, Section::projector, true, "linear_1", "mm.1"},
    {Slot::projector_down, Section::projector, true, "linear_2", "mm.2"},
};
constexpr std::span<const TensorName> kTensorTables[] = {kDecoderTensors, kSiglipTensors, kSiglipLastNorm, kTensors};
constexpr const char* kVisionRoots[] = {"visual.vision_model.", "model.visual.vision_model."};
constexpr const char* kProjectorRoots[] = {"mlp_AR.", "model.projector."};

// Another table of positions, and SigLIP's pooling.
constexpr const char* kUnread[] = {"*.packing_position_embedding.weight", "*.vision_model.head.*"};

constexpr Step kStem[] = {{Op::linear, Slot::patch_embedding}, {Op::resample, Slot::position_embedding}};
constexpr Step kProjector[] = {
    {Op::norm, Slot::post_norm}, {Op::norm, Slot::projector_norm}, {Op::merge}, {Op::linear, Slot::projector_up},
    {Op::activate},              {Op::linear, Slot::projector_down},
};

// Of a text file and its projector.
constexpr const char* kGgufConfig = R"json({
  "architectures": ["PaddleOCRVLForConditionalGeneration"], "model_type": "paddleocr_vl",
  "image_token_id": $(token <|IMAGE_PLACEHOLDER|>), "text_config": $(text),
  "vision_config": {
    "num_hidden_layers": $(clip.vision.block_count), "hidden_size": $(clip.vision.embedding_length),
    "intermediate_size": $(rows v.blk.0.ffn_up.weight), "num_attention_heads": $(clip.vision.attention.head_count),
    "image_size": $(side v.position_embd.weight clip.vision.patch_size), "patch_size": $(clip.vision.patch_size),
    "spatial_merge_size": $(clip.vision.spatial_merge_size|2),
    "layer_norm_eps": $(clip.vision.attention.layer_norm_epsilon)}})json";
constexpr const char* kGgufProcessor = R"json({
  "image_processor_type": "PaddleOCRVLImageProcessor", "patch_size": $(clip.vision.patch_size),
  "merge_size": $(clip.vision.spatial_merge_size|2), "min_pixels": $(clip.vision.image_min_pixels|147384),
  "max_pixels": $(clip.vision.image_max_pixels|2822400), "image_mean": $(clip.vision.image_mean),
  "image_std": $(clip.vision.image_std)})json";

constexpr PicturePiece kPicture[] = {
    {PicturePiece::Kind::control, "<|IMAGE_START|>"},
    {PicturePiece::Kind::tokens},
    {PicturePiece::Kind::control, "<|IMAGE_END|>"},
};

constexpr ModelSpec defaults() {
  ModelSpec spec;
  spec.has_vision = true;
  spec.picture_token = 100295;
  VisionSpec& v = spec.vision;
  v.layers = 27;
  v.hidden = 1152;
  v.heads = 16;
  v.feed_forward = 4304;
  v.patch = 14;
  v.merge = 2;
  v.activation = Activation::gelu_tanh;
  v.rope_2d = true;
  v.position_rule = PositionRule::bilinear_centers;
  v.position_pixels = 384;
  v.projector_norm_epsilon = 1e-5f;
  return spec;
}

}  // namespace

extern constinit const Family paddleocr_vl = {
    .name = "paddleocr_vl",
    .model_types = kModelTypes,
    .architectures = kArchitectures,
    .defaults = defaults,
    .decoders = kDecoders,
    .text = TextPlace::nested_or_root,
    .towers = kTowers,
    .config = kConfigs,
    .processors = kProcessors,
    .published_processor = &kPublished,
    .derived = kDerivedTables,
    .tensors = kTensorTables,
    .unread = kUnread,
    .roots = {kDecoderRoots, kHeadRoots, kVisionRoots, kProjectorRoots},
    .gguf = {.architecture = "paddleocr",
             .text = {.sections = true},
             .projector = "paddleocr",
             .config = kGgufConfig,
             .processor = kGgufProcessor},
    .stem = kStem,
    .projector = kProjector,
    .projector_title = "patch merger",
    .picture = kPicture,
};

}  // namespace mica::tables
